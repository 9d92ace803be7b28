"""What is generated is current, and what generates it finds what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import gen_settings, gen_spec, gen_states, planted_contracts


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


@pytest.mark.spec("S02")
def test_the_settings_page_is_current() -> None:
    """The page of settings is what the declarations say."""
    page = gen_settings.PAGE.read_text("utf-8")

    assert gen_settings.rendered() == page, "run python tools/gen_settings.py"


def test_the_specification_is_current() -> None:
    """The specification page holds the sentences of today's tests, and no section is without one."""
    assert gen_spec.main(["--check"]) == 0, "run python tools/gen_spec.py"


def test_sentences_are_collected(tmp_path: Path) -> None:
    """The specification holds the sentence of each marked test, once per section."""
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
