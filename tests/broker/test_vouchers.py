"""What a client carries for us: how often it is good, and where."""

import msgspec
import pytest

from filewarden.broker.protocol.outcome import Asked
from filewarden.broker.seal import Seal
from filewarden.broker.vouchers import Spent, Vouchers
from filewarden.workers.errors import ToolFailure
from filewarden.workers.inquiry import InputRequest
from filewarden.workers.tool import Tool
from filewarden.workers.tools.delete_file import TOOL, DeleteFile

KEY = bytes(range(32))


def token_of(vouchers: Vouchers, tool: Tool, arguments: msgspec.Struct, principal: str = "me") -> str:
    asked = Asked({"confirm": InputRequest("elicitation/create", {"message": "Delete it?"})})
    found = vouchers.close_token(tool, arguments, principal, asked).details["confirmation_token"]
    assert isinstance(found, str)
    return found


def test_a_confirmation_works_once_on_each_replica_as_documented() -> None:
    """docs/scaling.md says so: what was spent is known to the replica that took it alone."""
    here, there = Vouchers(Seal(KEY)), Vouchers(Seal(KEY))
    arguments = DeleteFile(path="a.txt")
    confirmed = DeleteFile(path="a.txt", confirmation_token=token_of(here, TOOL, arguments))
    for replica in (here, there):
        assert replica.open_token(TOOL, confirmed, "me") is not None
        with pytest.raises(ToolFailure):
            replica.open_token(TOOL, confirmed, "me")


def test_a_confirmation_is_good_for_its_own_call_and_principal_alone() -> None:
    here, there = Vouchers(Seal(KEY)), Vouchers(Seal(KEY))
    token = token_of(here, TOOL, DeleteFile(path="a.txt"))
    for arguments, principal in ((DeleteFile(path="b.txt"), "me"), (DeleteFile(path="a.txt"), "another")):
        with pytest.raises(ToolFailure):
            there.open_token(TOOL, msgspec.structs.replace(arguments, confirmation_token=token), principal)


def test_whoever_spends_very_much_costs_only_their_own_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filewarden.broker.vouchers.MOST_SPENT", 1)
    here, arguments = Vouchers(Seal(KEY)), DeleteFile(path="a.txt")

    def confirm(principal: str) -> bool:
        token = token_of(here, TOOL, arguments, principal)
        try:
            return here.open_token(TOOL, DeleteFile(path="a.txt", confirmation_token=token), principal) is not None
        except ToolFailure:
            return False

    assert [confirm(who) for who in ("builds/me", "builds/other", "audits/me", "me")] == [True, False, True, True]


def test_what_was_spent_makes_room_once_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filewarden.broker.vouchers.MOST_SPENT", 2)
    spent = Spent()
    assert [spent.spend(nonce, expires_at, 0.0) for nonce, expires_at in ((b"a", 300.0), (b"b", 310.0))] == [True, True]
    assert not spent.spend(b"c", 600.0, 300.0)
    assert spent.spend(b"c", 600.0, 301.0)
    assert not spent.spend(b"b", 600.0, 301.0), "it could still be used"
