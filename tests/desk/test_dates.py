"""Dates in words: what is known is said, what is not known is not made up, in each language of the pages."""

from collections.abc import Iterator

import pytest
from flask import Flask, g

from app.cases.importing import published
from app.desk.dates import when_text
from app.errors import MalformedError


@pytest.fixture
def english(app: Flask) -> Iterator[None]:
    with app.test_request_context("/desk/"):
        g.lang = "en"
        yield


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("edtf", "words"),
    [
        (None, "not stated"),
        ("", "not stated"),
        ("2016-09-22", "22 September 2016"),
        ("2016-09-01", "1 September 2016"),
        ("2016-09", "September 2016"),
        ("2016", "2016"),
        ("../2015-09-15", "by 15 September 2015"),
        ("..2015", "by 2015"),
        ("2016-09-22/..", "from 22 September 2016"),
        ("2007..", "from 2007"),
        ("2016-09-23/2016-12-20", "some time between 23 September and 20 December 2016"),
        ("2016-12-03/2016-12-20", "some time between 3 and 20 December 2016"),
        ("2016-12/2016-12-20", "some time between December and 20 December 2016"),
        ("2016-06/2016-12-20", "some time between June and 20 December 2016"),
        ("2015-12-31/2016-01-01", "some time between 31 December 2015 and 1 January 2016"),
        ("2015/2016", "some time between 2015 and 2016"),
        ("2016-02-29/2016-03-01", "some time between 29 February and 1 March 2016"),
        ("2016-09~", "September 2016, not sure"),
        ("../2015~", "by 2015, not sure"),
        ("0001", "1"),
    ],
)
def test_a_date_is_said_as_far_as_it_is_known(edtf: str | None, words: str) -> None:
    assert when_text(edtf) == words


@pytest.mark.usefixtures("english")
def test_every_published_date_has_words() -> None:
    dates = {incident["date"] for incident in published()["incidents"]}

    assert len({when_text(date) for date in dates}) == len(dates)


def test_months_stand_in_the_right_case_in_russian(app: Flask) -> None:
    """A month by itself is сентябрь, beside a day or after “with” it is сентября."""
    with app.test_request_context("/desk/"):
        g.lang = "ru"
        assert when_text("2016-09") == "сентябрь 2016"
        assert when_text("2016-09-22") == "22 сентября 2016"
        assert "сентября 2016" in when_text("2016-09/..")
        assert "декабрь 2016" in when_text("2016-09/2016-12")


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("text", ["yesterday", "2016-13", "2016-02-30", "2017/2016", "22.09.2016"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        when_text(text)
