"""The table of operators' names: each is one of its format's, of a kind that has a rule, and read rightly."""

import numpy as np
import pytest

import erfmath as em
from erfmath.models.operators import INDEPENDENT, OVERWRITING, TABLE
from erfmath.models.rules import RULES
from erfmath.models.rules.products import PRODUCTS

# Of ONNX's experiments before opset 10, and of ONNX Runtime, which writes it into ONNX's domain.
OLD = {"Affine", "Scale", "SimplifiedLayerNormalization"}


def is_onnx(name):
    return name[0].isupper()


def test_each_kind_has_a_rule_and_each_rule_a_name():
    own = {"contract", "everything"}  # what products are taken apart to, and what options may ask for
    assert {entry.kind for entry in TABLE.values()} - PRODUCTS == set(RULES) - own - PRODUCTS


def test_names_of_onnx():
    onnx = pytest.importorskip("onnx", reason="names are checked against onnx's schemas")
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if not schema.domain}
    assert {name for name in TABLE if is_onnx(name)} - known == OLD


def test_names_of_aten():
    torch = pytest.importorskip("torch", reason="names are checked against torch's operators")
    names = [name for name in TABLE if not is_onnx(name) and "." not in name]
    assert len(names) > 200
    for name in (*names, *INDEPENDENT, *OVERWRITING):
        assert hasattr(torch.ops.aten, name), name


def module(function, *parts):
    pytest.importorskip("torch", reason="modules are torch's")
    from oracles_models import Function

    return Function(function, *parts).eval()


def conv():
    return pytest.importorskip("torch", reason="modules are torch's").nn.Conv2d(2, 2, 3)


def test_a_module_that_writes_into_its_input_or_a_buffer_is_read_up_to_what_it_returns():
    torch = pytest.importorskip("torch", reason="modules are torch's")

    class Counter(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))
            self.conv = conv()

        def forward(self, x):
            self.calls += 1
            return self.conv(x) * self.calls

    writes = module(lambda x, a: (x.relu_(), a(x))[1], conv())
    for made, shape in ((writes, (1, 2, 8, 8)), (Counter().eval(), (1, 2, 8, 8))):
        assert em.receptive_field(em.from_torch(made, shape)).size == (3, 3)
    assert em.receptive_field(em.from_torch(writes, (1, 2, 8, 8), output=0)).size == (3, 3)
    with pytest.raises(ValueError, match="output must be below 1"):
        em.from_torch(writes, (1, 2, 8, 8), output=1)


OVERWRITES = {
    "copy": lambda x, a: a(x).copy_(x[:, :, 1:-1, 1:-1]),
    "fill": lambda x, a: a(x).fill_(3) + x[:, :, 1:-1, 1:-1],
    "zero": lambda x, a: a(x).zero_() + x[:, :, 1:-1, 1:-1],
}


@pytest.mark.parametrize("name", OVERWRITES)
def test_what_is_overwritten_is_not_read(name):
    field = em.receptive_field(em.from_torch(module(OVERWRITES[name], conv()), (1, 2, 8, 8)))
    assert (field.size, field.offset) == ((1, 1), (1, 1))


def test_a_table_computed_from_the_input_is_refused():
    torch = pytest.importorskip("torch", reason="modules are torch's")
    chosen = module(lambda x, a: torch.nn.functional.embedding(torch.arange(3), a(x)[0, 0]), conv())
    with pytest.raises(ValueError, match="chooses from a table that is computed from the input"):
        em.from_torch(chosen, (1, 2, 8, 8))


def test_an_operator_that_is_not_known_says_where_it_is():
    torch = pytest.importorskip("torch", reason="modules are torch's")
    turned = module(lambda x: torch.linalg.det(x[:, :, :2, :2]))
    whole = torch.nn.Sequential(conv(), torch.nn.Sequential(turned))
    with pytest.raises(ValueError, match=r"not a known operator \(in the submodule '1.0'\); say what"):
        em.from_torch(whole, (1, 2, 8, 8))


def onnx_model(kind, *values, **attributes):
    onnx = pytest.importorskip("onnx", reason="models are onnx's")
    names = [f"c{i}" for i in range(len(values))]
    node = onnx.helper.make_node(kind, ["x", *names], ["y"], name="op", **attributes)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2, 8, 8))
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    constants = [onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in zip(names, values, strict=True)]
    graph = onnx.helper.make_graph([node], "g", [x], [y], constants)
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("my.own", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets)


@pytest.mark.parametrize(
    ("ends", "name"), [((0, 6), "relu6"), ((-1, 1), "hardtanh"), ((0,), "relu"), ((-2, 2), "clip")]
)
def test_a_clipping_has_the_name_of_its_ends(ends, name):
    model = onnx_model("Clip", *(np.float32(end) for end in ends))
    assert em.from_onnx(model).net == em.Activation(name)


def test_the_domain_of_an_operator_is_named():
    with pytest.raises(ValueError, match=r"not a known operator \(domain 'my.own'\)"):
        em.from_onnx(onnx_model("Relu", domain="my.own"))
    with pytest.raises(ValueError, match=r"pads in the mode 'mirror'"):
        em.from_onnx(onnx_model("Pad", np.ones(8, dtype=np.int64), mode="mirror"))
