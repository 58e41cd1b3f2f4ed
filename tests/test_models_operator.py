"""One operator and its tensors in neutral words: what they know of themselves, how what is wrong is named."""

import numpy as np
import pytest

import erfmath as em
from erfmath.models.axes import (
    Place,
    Run,
    channel,
    counted,
    cuts_of,
    merged,
    outermost,
    owners,
    plain,
    positions,
    reshaped,
    side,
    split,
)
from erfmath.models.ir import Constant, Operator, Tensor, everything, examples, rank_of, single, with_input
from erfmath.models.masks import is_softmax_of_keys, side_attended, side_of, side_read
from erfmath.models.slopes import Rates

SHAPE = (1, 4, 6, 8)
X = Tensor("x", SHAPE, plain(SHAPE, (2, 3)), (6, 8))
FLAT = Tensor("f", (1, 4, 48), (*X.runs[:2], (*X.runs[2], *X.runs[3])), (6, 8))
OPEN = Tensor("o", (None, 4, None), plain((None, 4, None), (2,)), (None,))
LOST = Tensor("l", None, None, (1, 1))
W = Constant((8, 4, 3, 3), lambda: np.ones((8, 4, 3, 3)))


def operator(kind=None, *inputs, title="My.op", **fields):
    return Operator(kind, title, "op", inputs, ndim=2, **fields)


def test_layouts():
    rows, columns = Run(0, 1, 6), Run(1, 1, 8)
    assert X.layout == ((), (Run(None, 1, 4),), (rows,), (columns,))
    assert [owners(axis) for axis in FLAT.runs] == [(), (), (0, 1)]
    assert owners((rows, Run(None, 1, 2), Run(0, 2, 3))) == (0,)
    assert [channel(n) for n in (1, 3, None)] == [(), (Run(None, 1, 3),), (Run(None, 1, None),)]
    assert [side(axis) for axis in ((), (rows,), (rows, columns), (Run(0, 1, None), columns))] == [
        1,
        6,
        48,
        None,
    ]
    assert side((Run(0, 1, 6, (1, 2)), Run(None, 1, 2))) == 15
    assert positions(FLAT.runs) == {0: [(Place(2, 0), rows)], 1: [(Place(2, 1), columns)]}
    blocks = ((Run(0, 1, 2),), (Run(1, 1, 8), Run(0, 2, 3)))
    assert positions(blocks)[0] == [(Place(1, 1), Run(0, 2, 3)), (Place(0, 0), Run(0, 1, 2))]
    assert list(positions(blocks)) == [0, 1]
    assert [outermost(blocks, axis) for axis in (0, 1)] == [False, True]
    assert cuts_of((Run(0, 1, 2), Run(0, 1, 3), Run(1, 1, 4))) == [4, 12, 24]
    assert cuts_of((Run(0, 1, 2), Run(0, 1, None), Run(1, 1, 4))) == [4]
    assert list(counted([2, 3])) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert list(counted([])) == [()]
    assert [run.is_long for run in (Run(0), Run(0, 1, 1), Run(0, 1, 2))] == [True, False, True]


def test_reshapes_beside_tokens():
    tokens = (Run(0, 1, 4, (1, 2)), Run(1, 1, 8))
    heads = (Run(None, 1, 2),)
    layout = ((), tokens, (Run(None, 1, 4),))
    assert reshaped(layout, (1, 35, 2, 2)) == ((), tokens, heads, heads)
    assert reshaped(layout, (35, 4)) == (tokens, (Run(None, 1, 4),))
    assert reshaped(layout, (1, 7, 5, 4)) is None
    assert reshaped(layout, (1, 140)) is None
    assert reshaped(layout, (1, 35, 2)) is None
    assert reshaped(((Run(0, 1, 4, (1, 2)), Run(1, 1, 8)), (Run(None, 1, 4),)), (34, 4)) is None
    assert reshaped(((Run(None, 1, 2),), (Run(0, 1, 3, (0, 1)),)), (2, 4)) == (
        (Run(None, 1, 2),),
        (Run(0, 1, 3, (0, 1)),),
    )
    assert reshaped(((Run(None, 1, 2),), (Run(0, 1, 3, (0, 1)),)), (8,)) is None


def test_reshapes():
    rows, columns, channels = (Run(0, 1, 6),), (Run(1, 1, 8),), (Run(None, 1, 4),)
    assert reshaped((channels, rows, columns), (24, 8)) == ((*channels, *rows), columns)
    assert reshaped((rows, columns), (3, 2, 8)) == ((Run(0, 2, 3),), (Run(0, 1, 2),), columns)
    assert reshaped((rows, columns), (6, 2, 4)) == (rows, (Run(1, 4, 2),), (Run(1, 1, 4),))
    assert reshaped((channels, rows), (2, 2, 6)) == ((Run(None, 1, 2),), (Run(None, 1, 2),), rows)
    assert reshaped((rows, columns), (4, 12)) is None
    assert reshaped((rows, columns), (6, 8, 1)) == (rows, columns, ())
    assert reshaped((rows, columns), (6, 4)) is None
    assert reshaped((rows, columns), (6, 16)) is None
    assert reshaped(((Run(0, 1, None),),), (6,)) is None
    assert merged([Run(0, 8, 4), Run(0, 1, 8), Run(None, 1, 1)]) == (Run(0, 1, 32),)
    assert merged([Run(0, 1, 1), Run(1, 1, 1)]) == (Run(0, 1, 1),)
    assert merged([Run(None, 1, 1)]) == ()
    assert merged([Run(None, 1, 2), Run(None, 1, 3)]) == (Run(None, 1, 6),)
    assert merged([Run(0, 1, 2), Run(0, 1, None)]) == (Run(0, 1, 2), Run(0, 1, None))
    assert merged([Run(0, 2, 4), Run(1, 1, 2)]) == (Run(0, 2, 4), Run(1, 1, 2))
    assert merged([Run(0, 1, 1, (1, 0))]) == (Run(0, 1, 1, (1, 0)),)
    assert split((Run(None, 1, 12),), [3]) == (Run(None, 1, 4), Run(None, 1, 3))
    assert split((Run(0, 1, 2), Run(1, 1, 6)), [2, 6]) == (Run(0, 1, 2), Run(1, 2, 3), Run(1, 1, 2))
    assert split((Run(0, 1, None), Run(1, 1, 6)), [2]) == (Run(0, 1, None), Run(1, 2, 3), Run(1, 1, 2))
    assert split((Run(0, 1, 12),), [4, 6]) is None


def test_tensors():
    assert X.axes == ((), (), (0,), (1,))
    assert (X.space, X.owned, X.side(1), X.side(-1)) == ((2, 3), {0, 1}, 4, 8)
    assert (FLAT.space, FLAT.owned) == ((2,), {0, 1})
    assert (LOST.axes, LOST.space, LOST.owned, LOST.side(0)) == ((), (), frozenset(), None)
    assert OPEN.side(0) is None
    both = Tensor("b", SHAPE, X.layout, (6, 8), also=(FLAT, OPEN))
    assert both.parts == (Tensor("b", SHAPE, X.layout, (6, 8)), FLAT, OPEN)


@pytest.mark.parametrize(
    ("layout", "shape", "is_map"),
    [
        (X.layout, SHAPE, True),
        (OPEN.layout, OPEN.shape, True),
        (((), (Run(0, 1, 1),), (Run(1, 1, 1),)), (4, 1, 1), False),
        (((), (Run(0, 1, 1),), (Run(1, 1, 2),)), (4, 1, 2), True),
        (((), (Run(0, 1, 2), Run(None, 1, 3))), (4, 6), False),
        (((), (Run(0, 1, 2), Run(None, 1, 1))), (4, 2), True),
        (((), ()), (4, 1), False),
    ],
)
def test_maps_have_several_positions_and_nothing_else_along_them(layout, shape, is_map):
    assert Tensor("t", shape, layout).is_map is is_map


def test_the_only_operand():
    assert operator(None, X, W).tensor is X
    for inputs in ((W, X), (X, X)):
        with pytest.raises(
            ValueError, match="has an operand that should be constant but is computed from the input"
        ):
            _ = operator(None, *inputs).tensor
    assert operator(None, X, None, W, FLAT).tensors == (X, FLAT)


def test_options_and_constants():
    op = operator(None, X, W, None, Constant((2,)), options={"a": 0, "b": None})
    assert (op.get("a", 1), op.get("b", 1), op.get("c", 1), op.get("c")) == (0, 1, 1, None)
    assert op.constant(1, "its weights").shape == (8, 4, 3, 3)
    assert op.constant(2, "its weights") is None
    assert op.constant(4, "its weights") is None
    for index in (0, 3):
        with pytest.raises(
            ValueError, match=r"My\.op 'op' needs its weights as a constant, but the model computes it"
        ):
            op.constant(index, "its weights")
    assert op.weight_shape() == (8, 4, 3, 3)
    assert op.weight_shape(3) == (2,)
    for index in (2, 4):
        with pytest.raises(ValueError, match=r"My\.op 'op' has weights of unknown shape"):
            op.weight_shape(index)


@pytest.mark.parametrize(
    ("title", "fields", "place"),
    [
        ("My.op", {}, ""),
        ("My.op", {"domain": "My"}, ""),
        ("Relu", {"domain": "mine"}, " (domain 'mine')"),
        ("aten.det", {"scopes": frozenset(["a", "a.b", "cc"])}, " (in the submodule 'a.b')"),
        ("aten.det", {"scopes": frozenset(["a", "cc"])}, " (in the submodule 'cc')"),
        ("Relu", {"domain": "mine", "scopes": frozenset(["a"])}, " (domain 'mine', in the submodule 'a')"),
    ],
)
def test_unknown_operators_say_where_they_are(title, fields, place):
    assert str(operator(None, X, title=title, **fields).unknown()) == (
        f"{title} 'op' is not a known operator{place}; say what it means with "
        f'rules={{"{title}": node}}, or stop before it with output='
    )


def test_values_along_the_space():
    turned = Tensor("t", (8, 4, 6), ((Run(1, 1, 8),), (Run(None, 1, 4),), (Run(0, 1, 6),)), (6, 8))
    op = operator()
    assert op.along(turned, {0: 3, 2: 5}, 1) == (5, 3)
    assert op.along(turned, {0: 3}, 1) == (1, 3)
    with pytest.raises(
        ValueError, match=r"works along axis 1 of 't' of shape \(8, 4, 6\), which is not one of the"
    ):
        op.along(turned, {1: 3}, 1)
    with pytest.raises(
        ValueError, match=r"works along axis 2 of 'f' of shape .* which holds several of the input's"
    ):
        op.along(FLAT, {2: 3}, 1)
    blocks = Tensor("b", None, ((Run(0, 4, 2), Run(0, 1, 2)),), (8,))
    with pytest.raises(ValueError, match="works along axis 0 of 'b', which holds several of the input's"):
        op.along(blocks, {0: 3}, 1)
    with pytest.raises(ValueError, match=r"'o' of shape \('\?', 4, '\?'\), which is not one of the input's"):
        op.along(OPEN, {1: 3}, 1)


def test_what_reads_everything():
    both = Tensor("b", SHAPE, X.layout, (6, 8), also=(FLAT,))
    constant = Tensor("c", (1, 4), ((), (Run(None, 1, 4),)), (1, 1))
    placed = everything(operator(None, both, W, constant))
    assert [(tensor.name, gain) for tensor, gain in placed.sources] == [("b", 1), ("f", 1), ("c", 1)]
    assert placed.before == (em.GlobalPool(), em.GlobalPool(), em.Identity())
    assert (placed.node, placed.layout, placed.whole) == (em.Identity(), None, {0, 1})


def test_operands_replaced_and_counted():
    op = operator(None, X, W, FLAT)
    assert with_input(op, 1, X).inputs == (X, X, FLAT)
    assert [
        rank_of(operator(None, *inputs)) for inputs in ((X, FLAT), (FLAT, W), (OPEN, LOST), (LOST, W))
    ] == [4, 4, 3, 4]
    lost = Tensor("t", None, X.layout, (6, 8))
    assert rank_of(operator(None, lost, Constant((3,)))) == 4
    assert single(operator(None, X), em.Identity()).layout == X.layout
    assert single(operator(None, X), em.Identity(), ((),)).layout == ((),)
    assert single(operator(None, X), em.Identity()).sources == [(X, 1)]


def test_names_to_choose_from():
    assert (
        examples("layr4", ["layer1", "layer4", "head"], ["logits"]) == "'logits', 'layer4', 'layer1', 'head'"
    )
    assert examples("zzz", list("abcdefgh")) == "'a', 'b', 'c', 'd', 'e', 'f'"
    assert examples("b", ["a", "b", "a"], ["a"]) == "'a', 'b'"


BEFORE = np.triu(np.ones((4, 4)), 1)  # what is not read: all that comes later


@pytest.mark.parametrize(
    ("masked", "expected"),
    [
        (BEFORE, "before"),
        (BEFORE.T, "after"),
        (np.broadcast_to(BEFORE, (2, 3, 4, 4)), "before"),
        (np.stack([BEFORE, BEFORE.T]), None),
        (np.triu(np.ones((4, 4))), "before"),
        (np.triu(np.ones((4, 4)), 2), None),
        (np.ones((4, 4)), "before"),
        (np.zeros((4, 4)), None),
        (BEFORE[:, :3], None),
        (np.ones((1, 1)), None),
        (np.triu(np.ones((2, 2)), 1), "before"),
        (np.ones(4), None),
        (True, None),
    ],
)
def test_the_side_that_a_mask_leaves(masked, expected):
    assert side_read(masked) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (BEFORE == 0, "before"),
        (BEFORE.T == 0, "after"),
        (np.where(BEFORE > 0, -np.inf, 0), "before"),
        (np.where(BEFORE > 0, -1e4, 0), "before"),
        (np.where(BEFORE > 0, -9e3, 0), None),
        (BEFORE, None),
        (None, None),
    ],
)
def test_the_side_that_is_attended_to(value, expected):
    assert side_attended(Constant((4, 4), lambda: value)) == expected
    assert side_attended(X) is None
    assert side_attended(None) is None


ROWS = Tensor("q", (2, 4, 4), ((Run(1, 1, 2),), (Run(0, 1, 4),), (Run(None, 1, 4),)), (4, 2))
KEYS = Tensor("k", (2, 4, 4), ((Run(1, 1, 2),), (Run(None, 1, 4),), (Run(0, 1, 4),)), (4, 2))
SCORES = Tensor("s", (2, 4, 4), ROWS.layout, (4, 2), also=(KEYS,))
HIDDEN = Constant((4, 4), lambda: np.where(BEFORE > 0, -1e9, 0))
TRUTH = Constant((1, 4, 4), lambda: BEFORE[None] > 0)


def masked(tensor, side):
    return Tensor(tensor.name, tensor.shape, tensor.layout, tensor.sides, also=tensor.also, masked=side)


@pytest.mark.parametrize(
    ("kind", "inputs", "options", "expected"),
    [
        ("join", (SCORES, HIDDEN), {"combine": "sum"}, "before"),
        ("join", (HIDDEN, SCORES), {"combine": "sum"}, "before"),
        ("join", (SCORES, Constant((4, 4), lambda: 1 - BEFORE)), {"combine": "product"}, "before"),
        ("join", (SCORES, Constant((4, 4), lambda: 1 - BEFORE.T)), {"combine": "product"}, "after"),
        ("join", (SCORES, HIDDEN), {"combine": "product"}, "after"),  # of which zeros are left
        ("join", (SCORES, HIDDEN), {"combine": "extreme"}, ""),
        ("join", (TRUTH, SCORES), {"combine": "choice", "filled": (True, -1e9)}, "before"),
        ("join", (TRUTH, SCORES), {"combine": "choice", "filled": (False, -1e9)}, "after"),
        (
            "join",
            (Constant((4, 4), lambda: BEFORE == 0), SCORES),
            {"combine": "choice", "filled": (False, -1e9)},
            "before",
        ),
        ("join", (TRUTH, SCORES), {"combine": "choice", "filled": (True, -1e4)}, "before"),
        ("join", (TRUTH, SCORES), {"combine": "choice", "filled": (True, -9e3)}, ""),
        ("join", (TRUTH, SCORES), {"combine": "choice"}, ""),
        ("join", (HIDDEN, SCORES), {"combine": "choice", "filled": (True, -1e9)}, ""),
        ("join", (SCORES, HIDDEN, HIDDEN), {"combine": "sum"}, ""),
        ("join", (SCORES, Constant((4,), lambda: np.zeros(4)), HIDDEN), {"combine": "sum"}, "before"),
        ("join", (SCORES, Constant((), lambda: np.zeros(())), HIDDEN), {"combine": "sum"}, "before"),
        ("join", (SCORES, Constant((4, 4))), {"combine": "sum"}, ""),
        ("join", (ROWS, HIDDEN), {"combine": "sum"}, ""),
        ("join", (X, HIDDEN), {"combine": "sum"}, ""),
        ("join", (Tensor("t", (4,), ((Run(0, 1, 4),),), (4,)), HIDDEN), {"combine": "sum"}, ""),
        ("join", (LOST, HIDDEN), {"combine": "sum"}, ""),
        ("join", (SCORES, X, HIDDEN), {"combine": "sum"}, ""),
        ("join", (masked(SCORES, "after"), HIDDEN), {"combine": "sum"}, "after"),
        ("join", (X, masked(SCORES, "after")), {"combine": "extreme"}, "after"),
        ("pointwise", (masked(SCORES, "after"),), {}, "after"),
        ("pointwise", (SCORES,), {}, ""),
        ("normalise", (masked(SCORES, "after"),), {"axes": [-1]}, "after"),
        ("normalise", (masked(SCORES, "after"),), {"axes": [2]}, "after"),
        ("normalise", (masked(SCORES, "after"),), {"axes": [1]}, ""),
        ("normalise", (masked(SCORES, "after"),), {"axes": [1, 2]}, ""),
        ("reduce", (masked(SCORES, "after"),), {"axes": [-1]}, ""),
    ],
)
def test_the_side_of_what_an_operator_makes(kind, inputs, options, expected):
    assert side_of(operator(kind, *inputs, options=options)) == expected


def test_a_softmax_of_masked_keys():
    keys = masked(KEYS, "before")

    def is_one(kind, tensor, axes=(-1,), *more):
        return is_softmax_of_keys(operator(kind, tensor, *more, options={"axes": list(axes)}))

    assert is_one("normalise", keys)
    assert not is_one("normalise", KEYS)
    assert not is_one("normalise", keys, (1,))
    assert not is_one("normalise", masked(ROWS, "before"))
    assert not is_one("normalise", masked(SCORES, "before"))
    assert not is_one("normalise", keys, (-1,), X)
    assert not is_one("join", keys)
    assert not is_one("normalise", Tensor("t", None, None, masked="before"))
    line = Tensor("t", (4,), ((Run(0, 1, 4),),), (4,), masked="before")
    assert not is_one("normalise", line)


def gate(activation, name="act", scopes=("part", "part.inner"), **options):
    return Operator(
        "pointwise", "Act", name, (X,), {"activation": activation, **options},
        ("made",), scopes=frozenset(scopes), alias="node",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh"])
def test_gates_pass_the_share_that_is_open(name):
    for rates in (
        0.3,
        {"act": 0.3},
        {"made": 0.3},
        {"node": 0.3},
        {"part": 0.3},
        {"part": 0.9, "part.inner": 0.3},
    ):
        mean, square = Rates(rates).moments(gate(name))
        assert (mean.tolist(), square.tolist()) == ([0.3], [0.3])
    own = Rates({"part.inner": 0.9, "act": [0.1, 0.2]}).moments(gate(name))
    assert [values.tolist() for values in own] == [[0.1, 0.2]] * 2


def test_leaks():
    mean, square = Rates(0.25).moments(gate("leaky_relu", slope=0.2))
    assert (mean[0], square[0]) == (pytest.approx(0.25 + 0.75 * 0.2), pytest.approx(0.25 + 0.75 * 0.04))
    mean, square = Rates(None).moments(gate("leaky_relu"))
    assert (mean[0], square[0]) == (pytest.approx(0.505), pytest.approx(0.50005))


def test_slopes_of_normal_inputs():
    """The mean slope is E[z f(z)] by Stein; that of a rectifier 1/2, and so its mean square."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    for name, function in (("tanh", np.tanh), ("sigmoid", lambda z: 1 / (1 + np.exp(-z)))):
        mean, _ = Rates(None).moments(gate(name))
        assert mean == pytest.approx((weights * nodes * function(nodes)).sum() / np.sqrt(2 * np.pi), rel=1e-3)
    assert [values.tolist() for values in Rates(None).moments(gate("relu"))] == [[0.5], [0.5]]
    assert Rates(0.9).moments(gate("tanh"))[0] == Rates(None).moments(gate("tanh"))[0]
    for unknown in (gate("mine"), gate("elu", is_unusual=True)):
        with pytest.raises(ValueError, match="has an unknown slope"):
            Rates(None).moments(unknown)


def test_names_of_rates():
    with pytest.raises(ValueError, match="has no gate that is open or closed, so it has no rate"):
        Rates({"act": 0.3}).moments(gate("tanh"))
    Rates({"part": 0.3}).moments(gate("tanh"))  # which may hold gates beside it
    rates = Rates({"act": 0.3, "b": 0.2, "a": 0.1})
    with pytest.raises(
        ValueError, match="rates must name activations before the output, got 'a', 'act', 'b'"
    ):
        rates.require_used()
    rates.meet(gate(None))
    rates.meet(Operator("conv", "Conv", "b", (X,)))
    assert rates.unused == {"act", "a", "b"}
    rates.meet(gate("relu"))
    rates.meet(Operator("prelu", "PRelu", "b", (X,)))
    assert rates.unused == {"a"}
    rates.meet(gate("relu", "a"))
    rates.require_used()
    assert Rates(0.3).share(gate("relu")).tolist() == [0.3]
    assert Rates(None).share(gate("relu")).tolist() == [0.5]
    assert Rates({"x": 0.3}).share(gate("relu")).tolist() == [0.5]


@pytest.mark.parametrize(
    ("rates", "kind", "problem"),
    [
        (1.5, ValueError, "rates must lie between 0 and 1, got 1.5"),
        (-0.1, ValueError, "rates must lie between 0 and 1, got -0.1"),
        (np.nan, ValueError, "rates must lie between 0 and 1, got nan"),
        ({"a": [0.5, 2]}, ValueError, r"rates\['a'\] must lie between 0 and 1"),
        ({"a": []}, ValueError, r"rates\['a'\] must lie between 0 and 1"),
        ("half", TypeError, "rates must be a share or one per channel, got 'half'"),
        ([[0.5]], TypeError, "rates must be a share or one per channel"),
        (True, TypeError, "rates must be a share or one per channel"),
    ],
)
def test_rates_that_are_none(rates, kind, problem):
    with pytest.raises(kind, match=problem):
        Rates(rates)
    for fine in (0, 1, 1.0, [0, 1], {"a": None}, {}, None):
        Rates(fine)
