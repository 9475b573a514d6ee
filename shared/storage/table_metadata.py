"""The metadata that all tables are declared in."""

from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Text

metadata = MetaData()


def vin_column() -> Column[Any]:
    """Declare the VIN of a key, collated as bytes: no upgrade of the system's locales changes its order."""
    return Column("vin", Text(collation="C"), nullable=False)


def time_column(name: str, comment: str, *, nullable: bool = True) -> Column[Any]:
    """Declare a time with its zone."""
    return Column(name, DateTime(timezone=True), nullable=nullable, comment=comment)
