"""Weeks in clear, days inside seals (threat model, T3)."""

from datetime import date, datetime


def week_of(now: datetime) -> str:
    """Return the ISO week, `2026-W48`."""
    year, week, _ = now.isocalendar()
    return f"{year}-W{week:02d}"


def day_of(now: datetime) -> str:
    """Return the day, for sealed places only."""
    return now.date().isoformat()


def weeks_between(day: str, now: datetime) -> int:
    """Return how many calendar weeks ago a day was; 0 is this week."""
    then = date.fromisoformat(day)
    monday_then = then.toordinal() - then.weekday()
    today = now.date()
    return max(0, (today.toordinal() - today.weekday() - monday_then) // 7)


def days_between(day: str, now: datetime) -> int:
    """Return how many days ago a day was."""
    return max(0, now.date().toordinal() - date.fromisoformat(day).toordinal())
