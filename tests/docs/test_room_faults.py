"""The list of faults that the fast group must notice: one that applies for each room."""

import pytest

from tests.bench.rooms import ROOT, Fault, faults, rooms

pytestmark = pytest.mark.fast


def test_each_room_has_a_fault() -> None:
    assert {each.room for each in faults()} == rooms()


@pytest.mark.parametrize("fault", faults(), ids=lambda each: each.room)
def test_a_fault_changes_one_line_of_its_room(fault: Fault) -> None:
    assert fault.file.startswith(fault.room)
    assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) == 1
    assert fault.new != fault.old
