-- Run once, when the database is made (docs/operate.md §14): the owner, for commands only; the three roles of the faces are the owner's work.
\set password `cat /run/secrets/owner`
CREATE ROLE paivand_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE paivand OWNER paivand_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
