"""How problems are printed."""

from filewarden.config.errors import ConfigError, Problem, printable


def test_problems_are_listed_with_value_origin_and_sentence() -> None:
    error = ConfigError(
        [
            Problem("pool.workers", "FILEWARDEN_POOL_WORKERS", "must be at least 1", "0"),
            Problem("http.hots", "filewarden.toml", 'unknown key; did you mean "host"?'),
        ]
    )
    assert str(error) == (
        "config error: 2 problems\n"
        "  pool.workers = 0 (FILEWARDEN_POOL_WORKERS): must be at least 1\n"
        '  http.hots (filewarden.toml): unknown key; did you mean "host"?'
    )


def test_one_problem_is_singular_and_needs_no_origin() -> None:
    assert str(ConfigError([Problem("roots", "", "none")])) == "config error: 1 problem\n  roots: none"


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    problem = Problem("a\x1b[2J", "b\nc", "wrong", "\udcff\u202e")
    assert str(problem) == "a\\x1b[2J = \\udcff\\u202e (b\\nc): wrong"


def test_long_values_are_cut() -> None:
    assert printable("x" * 1000) == "x" * 200 + "..."
