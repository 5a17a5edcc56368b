import pytest

from filewarden.config.errors import ConfigError
from filewarden.transports.http.sockets import bind, bracketed, port_of


def test_port_0_takes_a_free_port_on_loopback() -> None:
    sockets = bind("http.port", "127.0.0.1", 0)
    with sockets[0] as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert port_of(sockets) > 0


def test_a_name_is_listened_on_at_all_its_addresses_with_one_port() -> None:
    sockets = bind("http.port", "localhost", 0)
    assert {each.getsockname()[1] for each in sockets} == {port_of(sockets)}
    for each in sockets:
        each.close()


def test_a_port_in_use_says_what_to_do() -> None:
    first = bind("http.port", "127.0.0.1", 0)
    with first[0], pytest.raises(ConfigError) as caught:
        bind("http.port", "127.0.0.1", port_of(first))
    assert "http.port" in str(caught.value)
    assert "port in use" in str(caught.value)
    assert "choose another port" in str(caught.value)


def test_an_address_of_another_machine_says_so() -> None:
    with pytest.raises(ConfigError, match="no address of this machine"):
        bind("http.port", "192.0.2.1", 0)


def test_a_name_that_does_not_exist_says_so() -> None:
    with pytest.raises(ConfigError, match="no address of this machine"):
        bind("http.port", "no-such-host.invalid", 0)


def test_ipv6_stands_in_brackets() -> None:
    assert (bracketed("::1"), bracketed("127.0.0.1")) == ("[::1]", "127.0.0.1")
