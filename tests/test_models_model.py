"""A model apart from the file or the module that it was read from."""

import copy
import pickle
from types import SimpleNamespace

import pytest

import erfmath as em
from erfmath.models.another_size import larger, note_of_size
from erfmath.models.axes import plain
from erfmath.models.ir import Tensor
from erfmath.models.model import LAST_MAP, Model, Source, named, told

NET = em.Conv((3, 3)) >> em.Pool((2, 2))
OUTSIDE = "the model's output 'end' has no positions"


def model(**fields):
    given = {
        "net": NET,
        "name": "mine",
        "input_shape": (1, 3, 32, None),
        "space": (2, 3),
        "output": "b",
        "outputs": ("a", "b"),
        "weights": "uniform",
        "warnings": (),
    }
    return Model(**{**given, **fields})


def test_facts():
    found = model()
    assert repr(found) == found.heading() == "<Model mine: input 1x3x32x?, read up to 'b'>"
    assert repr(model(weights="given")) == "<Model mine: input 1x3x32x?, read up to 'b', given weights>"
    assert (found.ndim, found.input_size, found.channels) == (2, None, 3)
    assert model(input_shape=(None, 3, 32, 48)).input_size == (32, 48)
    assert model(input_shape=(1, 32, 48, 5), space=(1, 2)).channels == 5
    assert model(input_shape=(1, 32), space=(1,)).channels is None
    assert model(input_shape=(1, 32), space=(1,)).ndim == 1
    assert found.labelled() == [("", NET)]
    assert found.unwrapped is NET
    assert found.args == (NET, "mine", (1, 3, 32, None), (2, 3), "b", ("a", "b"), "uniform", (), True)
    assert Model(*found.args).args == found.args
    assert em.receptive_field(found).size == (4, 4)
    assert em.receptive_field(found >> em.Conv((3, 3))).size == (8, 8)
    other = named(found, "yours")
    assert (other.name, other.output, found.name) == ("yours", "b", "mine")


def test_a_model_is_its_network():
    assert model() == NET == model(name="other")
    assert (NET == model()) is True  # noqa: SIM300
    assert model() != em.Conv((3, 3))
    assert model() != model(net=em.Conv((3, 3)))
    assert hash(model()) == hash(NET)
    assert copy.copy(model()) == copy.deepcopy(model()) == NET
    one = model()
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    again = pickle.loads(pickle.dumps(model(reads_own_output=False)))
    assert again == NET
    assert again.args == model(reads_own_output=False).args


def test_without_its_file_it_cannot_be_read_elsewhere():
    found = model()
    assert (found.has_parts, found.reads_all, found.is_read, found.is_module, found.is_last_map) == (
        False,
    ) * 5
    assert (found.stretches, found.adapts) == (None, None)
    assert model(reads_own_output=False).is_last_map is False
    tensor = Tensor("t", None, None)
    for reads in (
        lambda: found.layers,
        lambda: found.tensors,
        lambda: found.read_tensor,
        lambda: found.reading,
        lambda: found.parts,
        lambda: found.up_to("a"),
        lambda: found.with_weights("given"),
        lambda: found.network_up_to(tensor),
        found.module,
        found.runnable,
    ):
        with pytest.raises(
            ValueError, match=r"mine: .* was pickled or copied without its file; read it again by"
        ):
            reads()
    with pytest.raises(TypeError, match="tensor must be one of the model's tensors, got 'a'"):
        found.network_up_to("a")


def test_html():
    page = model(warnings=("mind the gap",), weights="energy")._repr_html_()
    for text in (
        "Model mine",
        "input",
        "1 x 3 x 32 x ?",
        "read up to",
        "weights",
        "energy",
        "warning",
        "mind the gap",
    ):
        assert text in page
    assert "warning" not in model()._repr_html_()


def test_another_tensor_than_the_output_is_told():
    far = model(reads_own_output=False, warnings=("by the way", OUTSIDE))
    with pytest.warns(UserWarning, match=f"^{OUTSIDE}; output='last map' asks for it$"):
        assert told(far, None) is far
    assert told(far, "b") is far
    assert told(far, LAST_MAP) is far
    assert told(model(), None) == NET


class Reader:
    """A reader of one pooling to a single output, or to half the size."""

    name, own, notes, layers, names = "mine", ("end",), ("a note",), ("one",), ("end", "map")

    def __init__(self, output=None, sides=(8, 8), other=None, net=None):
        self.input_shape, self.is_default = (1, 3, *sides), output is None
        self.sides, self.other, self.net, self.asked = sides, other, net, output

    def network(self, trace):
        trace.output = Tensor("e", None, None, title="end")
        trace.read = Tensor("m", (1, 3, *self.sides), plain((1, 3, *self.sides), (2, 3)), self.sides, "map")
        trace.read = trace.read if self.is_default else trace.output
        return NET if self.net is None else self.net

    def space(self, given):
        return (2, 3) if given is None else given

    def elsewhere(self):
        return self.other


def test_a_model_is_read_from_its_source():
    source = Source(Reader)
    found = source.model(None, "uniform")
    assert found.args == (
        NET,
        "mine",
        (1, 3, 8, 8),
        (2, 3),
        "map",
        ("end", "map"),
        "uniform",
        (
            "a note",
            "the model's output 'end' has no positions: each of its values reads the whole input; the tensor "
            "that is read is the last map before it, 'map'",
        ),
        False,
    )
    assert (found.is_last_map, found.reads_all, found.layers) == (True, True, ("one",))
    last = source.model(LAST_MAP, "uniform")
    assert (last.output, last.is_last_map, last.reads_all, last.warnings) == (
        "map",
        True,
        True,
        found.warnings,
    )
    own = source.model("end", "given")
    assert (own.output, own.weights, own.warnings, own.reads_own_output) == (
        "end",
        "given",
        ("a note",),
        True,
    )
    assert (own.is_last_map, own.reads_all) == (False, True)
    assert source.model(0, "uniform").output == "end"
    assert own.with_weights("energy").reading[0].asked == "end"
    assert own.up_to("end").weights == "given"
    assert found.with_weights("given").reading[0].asked is None
    assert Source(Reader, space=(1, 2)).model("end", "uniform").space == (1, 2)
    assert own.read_tensor.title == "end"
    assert found.tensors == (found.reading[1].input,)
    with pytest.raises(TypeError, match="rules must be a dict"):
        Source(Reader, rules=[1]).model(None, "uniform")
    with pytest.raises(ValueError, match="rates count for"):
        Source(Reader, rates=0.5).model(None, "uniform")
    assert Source(Reader, rates=0.5).model(None, "given").reading[1].rates.default == 0.5
    assert Source(Reader).model(None, "given").reading[1].global_context is True
    assert Source(Reader, global_context=False).model(None, "given").reading[1].global_context is False
    assert Source(Reader, rules={"a": NET}).model(None, "given").reading[1].rules == {"a": NET}


def test_a_field_that_depends_on_the_size_is_noted():
    def note(second, sides=(40, 40)):
        return note_of_size(Source(Reader), Reader(other=Reader(sides=sides, net=second)), NET)

    assert note_of_size(Source(Reader), Reader(), NET) == ()
    assert note(NET) == ()
    assert note(em.Conv((4, 4)) >> em.Activation("relu")) == ()  # another network of the same field
    assert note(em.Conv((5, 7)), (40, 48)) == (
        "the field depends on the input's size: 4 x 4 on 8 x 8, 5 x 7 on 40 x 48",
    )
    assert note(em.GlobalPool((True, False))) == (
        "the field depends on the input's size: 4 x 4 on 8 x 8, all x 1 on 40 x 40",
    )
    refused = SimpleNamespace(traced=lambda *_: (_ for _ in ()).throw(ValueError("no")))
    assert note_of_size(refused, Reader(other=Reader()), NET) == ()
    seen = Source(lambda output: Reader(output, other=Reader(output, (40, 40), net=em.Conv((5, 5)))))
    assert (
        seen.model(None, "uniform").warnings[-1].startswith("the field depends on the input's size: 4 x 4 on")
    )
    assert len(seen.model(None, "given").warnings) == 2
    assert larger((224, 320)) == (256, 352)
