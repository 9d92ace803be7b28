"""The tax data that ships with ticketpay, and files that cannot be used (S58)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import pytest

from tests.spec.pricing.offers import NOW, QUOTE, USER, demand, offer
from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.money import Rate
from ticketpay.domain.orders import Order
from ticketpay.domain.pricing import (
    STATES,
    ChargeKind,
    FeeSchedule,
    Quote,
    TaxDataInvalid,
    TaxJurisdictionUnknown,
    TaxTable,
    Tier,
    price_demand,
    read_table,
    tax_table,
)

# The table of S58 as the rule book prints it, in basis points.
STATE_BPS: Final = """
    AL 400 | AK 0 | AZ 560 | AR 650 | CA 725 | CO 290 | CT 635 | DE 0 | FL 600 | GA 400 |
    HI 400 | ID 600 | IL 625 | IN 700 | IA 600 | KS 650 | KY 600 | LA 445 | ME 550 | MD 600 |
    MA 625 | MI 600 | MN 688 | MS 700 | MO 423 | MT 0 | NE 550 | NV 685 | NH 0 | NJ 663 |
    NM 513 | NY 400 | NC 475 | ND 500 | OH 575 | OK 450 | OR 0 | PA 600 | RI 700 | SC 600 |
    SD 450 | TN 700 | TX 625 | UT 595 | VT 600 | VA 530 | WA 650 | WV 600 | WI 500 | WY 400
"""
ROW: Final = """
[[rule]]
state = "TN"
kind = "state_tax"
name = "A tax"
ppm = 70_000
valid_from = 2020-01-01
source = "a law"
"""


def _bps() -> dict[str, int]:
    pairs = [cell.split() for cell in STATE_BPS.split("|")]
    return {state: int(bps) for state, bps in pairs}


def _taxes(
    cents: int,
    state: str,
    city: str = "A town",
    *,
    table: TaxTable | None = None,
    now: datetime = NOW,
) -> Quote:
    return price_demand(
        offer([cents], state=state, city=city, nexus=[state]),
        demand(1),
        quote_id=QUOTE,
        user_id=USER,
        tier=Tier.STARTER,
        fees=FeeSchedule(),
        taxes=table or tax_table(),
        now=now,
    )


def _refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(TaxDataInvalid) as caught:
        read_table({"a.toml": text})
    return [(error.field, error.message) for error in caught.value.errors]


@pytest.mark.spec("S58", "S58 D6")
def test_every_state_has_the_rate_of_the_table() -> None:
    """The statewide rates are those of the rule book's table to the ppm, and 6 % in DC."""
    statewide = [rule for rule in tax_table().rules if rule.city is None]

    rates = {rule.state: rule.rate for rule in statewide}
    assert rates == {s: Rate.from_bps(bps) for s, bps in (_bps() | {"DC": 600}).items()}
    assert len(statewide) == len(rates) == len(STATES) == 51
    assert {rule.kind for rule in statewide} == {ChargeKind.STATE_TAX}
    assert all(rule.name.endswith(" Sales Tax") and rule.source for rule in statewide)


@pytest.mark.spec("S58", "check:S58")
@pytest.mark.parametrize(
    ("state", "cents", "tax"),
    [
        ("MN", 9_999, 688),
        ("NV", 12_345, 846),
        ("MO", 12_345, 522),
        ("CA", 9_999, 725),
        ("DC", 10_000, 600),
        ("OR", 10_000, 0),
    ],
)
def test_the_states_check_figures(state: str, cents: int, tax: int) -> None:
    """Elsewhere the state's rate is taken alone, rounded half-up to the cent."""
    assert _taxes(cents, state).taxes_cents == tax


@pytest.mark.spec("S58 D6")
@pytest.mark.parametrize("state", ["PR", "GU", "VI", "AS", "MP", "ON", "XX", "tn"])
def test_other_territories_are_refused(state: str) -> None:
    """A place that is no state and not DC is an error wherever there is nexus."""
    with pytest.raises(TaxJurisdictionUnknown):
        _taxes(10_000, state)


@pytest.mark.spec("S58")
@pytest.mark.parametrize("city", ["Nashville", "Memphis", "Knoxville", "Jackson"])
def test_entertainment_tax_is_taken_in_two_cities(city: str) -> None:
    """Nashville and Memphis take 1 % entertainment tax, other cities none."""
    special = [c for c in _taxes(10_000, "TN", city).charges if c.kind is ChargeKind.SPECIAL_TAX]
    there = [("Entertainment Tax", 100)] if city in ("Nashville", "Memphis") else []
    assert [(c.name, c.cents) for c in special] == there


NASHVILLE_CHANGES: Final = (
    ROW
    + """
[[rule]]
state = "TN"
city = "Nashville"
kind = "local_tax"
name = "Nashville Local Tax"
ppm = 22_500
valid_from = 2020-01-01
valid_to = 2026-07-01
source = "a law"

[[rule]]
state = "TN"
city = "Nashville"
kind = "local_tax"
name = "Nashville Local Tax"
ppm = 27_500
valid_from = 2026-07-01
source = "a newer law"
"""
)


@pytest.mark.spec("S58 D8")
def test_a_new_rate_is_one_row_and_the_day_at_the_venue_decides() -> None:
    """The old rate holds to the last second of its last day in Nashville, whatever UTC says."""
    table = read_table({"a.toml": NASHVILLE_CHANGES})
    # Midnight in Nashville is 05:00 in UTC in summer.
    old = _taxes(
        10_000, "TN", "Nashville", table=table, now=datetime(2026, 7, 1, 4, 59, 59, tzinfo=UTC)
    )
    new = _taxes(10_000, "TN", "Nashville", table=table, now=datetime(2026, 7, 1, 5, 0, tzinfo=UTC))

    assert (old.tax_date, old.taxes_cents) == (date(2026, 6, 30), 925)
    assert (new.tax_date, new.taxes_cents) == (date(2026, 7, 1), 975)


@pytest.mark.spec("S58 D8")
def test_a_sale_keeps_its_rates() -> None:
    """The order's lines hold rates and cents of the sale's day, which is what a refund follows."""
    table = read_table({"a.toml": NASHVILLE_CHANGES})
    sold = _taxes(10_000, "TN", "Nashville", table=table)
    order = Order.of(sold, order_id=OrderId(UUID(int=9)), now=NOW, expires_at=NOW)

    lines = [(c.rate, c.cents, c.refundable) for c in order.tickets[0].charges if c.kind.is_tax]
    assert lines == [(Rate(70_000), 700, True), (Rate(22_500), 225, True)]
    assert order.tax_date == date(2026, 3, 1)


@pytest.mark.spec("S58 D8")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "a law"\n', "", "source is missing"),
        ('source = "a law"', 'source = " "', "source must be a text"),
        ('state = "TN"', 'state = "PR"', "state must be one of the 50 states or DC"),
        ('state = "TN"', "state = [1]", "state must be one of the 50 states or DC"),
        ("ppm = 70_000", "ppm = 7.0", "ppm must be an integer from 0 to 1000000"),
        ("ppm = 70_000", "ppm = true", "ppm must be an integer from 0 to 1000000"),
        ("ppm = 70_000", "ppm = -1", "ppm must be an integer from 0 to 1000000"),
        ("ppm = 70_000", "ppm = 1_000_001", "ppm must be an integer from 0 to 1000000"),
        ('"state_tax"', '"platform_fee"', "kind must be one of state_tax, local_tax, special_tax"),
        ("2020-01-01", '"2020-01-01"', "valid_from must be a day"),
        ("2020-01-01", "2020-01-01T00:00:00Z", "valid_from must be a day"),
        ("2020-01-01", "2020-01-01\nvalid_to = 2020-01-01", "valid_to must be after valid_from"),
        ("2020-01-01", '2020-01-01\nvalid_to = "2021-01-01"', "valid_to must be a day"),
        ('name = "A tax"', 'name = ""', "name must be a text"),
        ('"state_tax"', '"local_tax"\ncity = " A"', "city must be a text"),
        ("ppm = 70_000", "ppm = 1\nrate = 1", "rate is unknown"),
        ("ppm = 70_000", 'ppm = 1\ncity = "A"', "city must not be given"),
        ('"state_tax"', '"local_tax"', "city is missing"),
    ],
)
def test_a_wrong_row_is_named(old: str, new: str, message: str) -> None:
    """Each wrong row is refused with its file, its number and what is wrong."""
    assert old in ROW
    found = _refused(ROW + ROW.replace(old, new))
    assert ("a.toml, rule 2", message) in found


@pytest.mark.spec("S58 D8")
def test_a_row_is_kept_as_it_is_written() -> None:
    """Name, rate and source of a rule are those of its row; the highest rate is 100 %."""
    (rule,) = read_table({"a.toml": ROW.replace("70_000", "1_000_000")}).rules
    assert (rule.name, rule.rate, rule.source) == ("A tax", Rate(1_000_000), "a law")


@pytest.mark.spec("S58 D8")
def test_all_wrong_rows_are_told_at_once() -> None:
    """The error says every place and what is wrong with it, one after the other."""
    wrong = ROW.replace("70_000", "-1")
    with pytest.raises(TaxDataInvalid) as caught:
        read_table({"a.toml": wrong + wrong})
    told = "must be an integer from 0 to 1000000"
    assert str(caught.value) == f"a.toml, rule 1: ppm {told}; a.toml, rule 2: ppm {told}"


@pytest.mark.spec("S58 D8")
def test_the_table_is_read_once() -> None:
    """Whoever asks for the rules gets the same ones, and two equal tables are equal."""
    assert tax_table() is tax_table()
    rows = {"a.toml": ROW}
    assert read_table(rows) == read_table(rows)
    assert "_index" not in repr(read_table(rows))


@pytest.mark.spec("S58 D8")
def test_local_taxes_of_other_names_overlap_too() -> None:
    """Only special taxes are told apart by their names: a city has one local tax a day."""
    row = ROW.replace('"state_tax"', '"local_tax"\ncity = "Nashville"')
    assert len(_refused(row + row.replace("A tax", "Another tax"))) == 1


@pytest.mark.spec("S58 D8")
def test_rows_of_the_same_tax_do_not_overlap() -> None:
    """Two rows for one tax on one day are refused; the day after an end is free again."""
    until = ROW.replace("2020-01-01", "2020-01-01\nvalid_to = 2021-01-01")
    after = ROW.replace("2020-01-01", "2021-01-01")

    assert len(read_table({"a.toml": until + after}).rules) == 2
    assert _refused(until + after + ROW.replace("2020-01-01", "2020-12-31")) == [
        ("a.toml, rule 3", "holds on days on which a.toml, rule 1 holds"),
        ("a.toml, rule 3", "holds on days on which a.toml, rule 2 holds"),
    ]


@pytest.mark.spec("S58 D8")
def test_a_city_may_have_two_special_taxes() -> None:
    """Special taxes of different names stand beside each other; one name stands once."""
    row = ROW.replace('"state_tax"', '"special_tax"\ncity = "Nashville"')
    other = row.replace("A tax", "Another tax")

    assert len(read_table({"a.toml": row + other}).rules) == 2
    assert len(_refused(row + other + row)) == 1


@pytest.mark.spec("S58 D8")
@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[[rule]", r"a\.toml: "),
        ("[[rules]]\n", "there is no table rules"),
        ("rule = 1\n", "there is no table rule"),
        ("rule = [1]\n", "a.toml, rule 1: state is missing"),
        (ROW.replace("[[rule]]", "[[default_local]]"), "default_local 1: kind of a default"),
    ],
)
def test_a_wrong_file_is_named(text: str, match: str) -> None:
    """A file that is no TOML or has other tables is refused with its name."""
    with pytest.raises(TaxDataInvalid, match=match):
        read_table({"a.toml": text})
