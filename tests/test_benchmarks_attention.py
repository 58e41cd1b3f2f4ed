"""Attention at initialisation: what is known exactly of the table that the benchmark prints."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the draws need torch: pip install 'erfmath[torch]'")

from benchmarks import attention  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_equal_logits_read_all_positions_alike():
    found = attention.energies(0.0, 2000, np.random.default_rng(0))
    assert found.mean(axis=0) == pytest.approx(np.ones(16), abs=1e-6)  # the mean of the values, 1/16 of each


def test_the_own_position_has_the_path_through_its_query_more():
    own, *others = attention.energies(0.1, 1000, np.random.default_rng(0)).mean(axis=0)
    assert own / np.mean(others) == pytest.approx(attention.small(0.1), abs=0.02)  # 1.149
    assert np.std(others) < 0.01


def test_the_table_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(attention, "TAUS", (0.25,))
    attention.main(["--quick"])
    header, _, row = capsys.readouterr().out.splitlines()
    assert header.split("|")[2].strip() == "own position"
    assert row.split("|")[1].strip() == "0.25"
