"""What is generated is current, and what generates it finds what it should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.simulation.history import play
from ticketpay.adapters.memory.messaging import MemoryOutbox
from ticketpay.domain.messaging import EMITTED, Message
from ticketpay.domain.pricing import TaxTable
from ticketpay.entrypoints.http.errors import STATUS_OF_CODE
from ticketpay.entrypoints.http.protocol import PROBLEMS
from tools import (
    gen_errors,
    gen_events,
    gen_schema,
    gen_settings,
    gen_spec,
    gen_states,
    gen_tax,
    planted_contracts,
)


@pytest.mark.spec("S30", "S31")
def test_the_states_page_is_current() -> None:
    """The page of states shows the tables that drive the code."""
    page = gen_states.PAGE.read_text("utf-8")

    assert gen_states.rendered(page) == page, "run python tools/gen_states.py"


def test_a_stale_states_page_is_found() -> None:
    """A page that lacks one row is not what would be written."""
    page = gen_states.PAGE.read_text("utf-8")

    assert gen_states.rendered(page.replace("| created | submit | payment_pending |\n", "")) == page
    with pytest.raises(ValueError, match="no markers"):
        gen_states.rendered("")


@pytest.mark.spec("S02 D3")
@pytest.mark.parametrize("tool", [gen_settings, gen_errors, gen_events, gen_schema])
def test_a_generated_page_is_current(tool: ModuleType) -> None:
    """The pages of settings, errors, events and the schema are what the code says."""
    page = tool.PAGE.read_text("utf-8")

    assert tool.rendered() == page, f"run python tools/{tool.__name__.rpartition('.')[2]}.py"


def test_every_code_has_a_title_and_a_remedy() -> None:
    """Every code that a client can meet says what to do, and no remedy is for an unknown code."""
    codes = STATUS_OF_CODE.keys() | {code for code, _ in PROBLEMS.values()}

    assert gen_errors.REMEDIES.keys() == codes
    assert codes <= gen_errors.titles().keys()
    assert [code for code in codes if f"`{code}`" not in gen_errors.rendered()] == []


@pytest.mark.spec("S40")
def test_the_members_of_events_are_those_of_real_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What simulated sales emit has exactly the members that the page of events names."""
    seen: dict[str, set[tuple[str, ...]]] = {}
    emit = MemoryOutbox.emit

    def listen(self: MemoryOutbox, messages: Sequence[Message]) -> None:
        for message in messages:
            seen.setdefault(message.type, set()).add(tuple(message.data))
        emit(self, messages)

    monkeypatch.setattr(MemoryOutbox, "emit", listen)
    for seed in range(6):
        play(seed)

    assert gen_events.MEMBERS.keys() == EMITTED
    assert seen == {kind: {gen_events.MEMBERS[kind]} for kind in seen}
    assert len(seen) >= 8


@pytest.mark.spec("S04")
def test_the_schema_is_read_whole() -> None:
    """Every table of the file is found, with its columns, its tenant and its grants."""
    text = gen_schema.SCHEMA.read_text("utf-8")
    found = {table.name: table for table in gen_schema.tables(text)}

    assert len(found) == text.count("CREATE TABLE")
    assert all(table.columns for table in found.values())
    tenants = [table for table in found.values() if table.tenant]
    assert all(
        ("tenant_id", "uuid NOT NULL") in table.columns or table.name == "venues"
        for table in tenants
    )
    assert len(tenants) > 20
    assert found["payments"].tenant
    assert not found["webhook_inbox"].tenant
    assert found["stock"].grants == ("app: SELECT, UPDATE", "worker: SELECT, UPDATE")
    assert "UPDATE (livemode)" in found["provider_refs"].grants[0]


@pytest.mark.spec("S58", "S58 D8")
def test_the_tax_rates_page_is_current() -> None:
    """The page of tax rates shows every rule that ships, and nothing else."""
    assert gen_tax.rendered() == gen_tax.PAGE.read_text("utf-8"), "run python tools/gen_tax.py"
    assert gen_tax.rendered().count("| rule book S58") == 62 + 1
    assert gen_tax.rendered(TaxTable(())) != gen_tax.rendered()


def test_the_specification_is_current() -> None:
    """The specification page holds the sentences of today's tests, and no section is without one."""
    assert gen_spec.main(["--check"]) == 0, "run python tools/gen_spec.py"


def test_sentences_are_collected(tmp_path: Path) -> None:
    """The specification holds the sentence of each marked test, once per section, and of no helper."""
    (tmp_path / "test_two.py").write_text(
        'import pytest\n\npytestmark = pytest.mark.spec("S03")\n\n\n'
        'def helper() -> None:\n    """It helps."""\n'
    )
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\n\n"
        '@pytest.mark.spec("S01 D1", "check:S18")\n'
        'def test_it() -> None:\n    """A cent\n    is a cent."""\n'
    )
    found = gen_spec.sentences(tmp_path)

    assert [(s.section, s.text) for s in found] == [
        ("S01", "A cent is a cent."),
        ("S18", "A cent is a cent."),
    ]
    assert "S02" in gen_spec.missing(found)
    assert "S18" not in gen_spec.missing(found)
    assert "- A cent is a cent. (S01 D1)" in gen_spec.rendered(found)


def test_each_contract_has_a_planted_violation() -> None:
    """No import contract is without the violation that proves that it bites."""
    planted = {plant.contract for plant in planted_contracts.PLANTS}

    assert planted == set(planted_contracts.contract_names())
