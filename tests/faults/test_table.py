"""docs/reliability.md says what the tests state."""

from collections import Counter

from tests.faults import table


def test_the_document_is_up_to_date():
    page = table.PAGE.read_text()
    assert page == table.with_tables(page, table.tables(table.stated())), "run: python -m tests.faults.table"


def test_every_statement_has_its_row_and_no_fault_has_two():
    faults = table.stated()
    made = table.tables(faults)
    assert len(faults) > 3
    assert all(f.fault in made and f.outcome in made for f in faults)
    assert max(Counter(f.fault for f in faults).values()) == 1


def test_the_tables_stand_between_the_marks():
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    assert table.with_tables(page, "new") == f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"
