"""Results are kept up to a number of bytes, the newest always."""

from hypothesis import given, strategies as st

from erfmath._caches import kept


@given(st.lists(st.integers(0, 5000), max_size=60), st.integers(1, 20_000))
def test_what_is_kept_is_bounded_and_is_the_latest(keys, most):
    calls = []

    @kept(size=lambda result: result, most=most)
    def size_of(key):
        calls.append(key)
        return key

    for i, key in enumerate(keys):
        known = len(calls)
        assert size_of(key) == key
        assert size_of(key) == key
        assert len(calls) <= known + 1
        held = len(set(keys[: i + 1]))
        assert size_of.held <= max(most, key + 2**10)
        assert size_of.held >= min(key + 2**10, held * 2**10)
    size_of.cache_clear()
    assert size_of.held == 0


def test_the_oldest_goes_first():
    calls = []

    @kept(size=lambda result: 1000, most=5000)
    def squared(key):
        calls.append(key)
        return key * key

    for key in (1, 2, 1, 3, 2, 1):  # two fit
        squared(key)
    assert calls == [1, 2, 3, 2, 1]
