"""The psycopg keywords of a DATABASE_URL."""

from urllib.parse import quote

import pytest

from shared.storage.engine import address


@pytest.mark.parametrize("password", ["plain", "correct horse", "a@b:c/d", "100%", "é", "a'b\\c"])
def test_a_password_of_any_signs(password):
    """The password arrives unchanged, blanks too, and is in no text that an error could repeat."""
    url = f"postgresql+psycopg://me:{quote(password, safe='')}@here:5434/battery"
    told = address(url)
    assert told["password"] == password
    assert (told["host"], told["port"], told["user"], told["dbname"]) == ("here", 5434, "me", "battery")


def test_several_hosts():
    """As SQLAlchemy reads them for the connections that write."""
    told = address("postgresql+psycopg://me@/battery?host=one:5432&host=two:5433")
    assert (told["host"], told["port"]) == ("one,two", "5432,5433")
