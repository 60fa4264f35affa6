"""A function of tensors as one straight graph of tensor operations, recorded once and simplified.

Eager PyTorch spends most of a small model's gradient in Python: distributions are made anew, autograd is recorded. Here
the operations of one call, its backward pass included, are recorded, what hangs on data alone is worked out once, and the
rest runs without Python. Shapes are those of the recording.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from pgmlang.density.numerics import numerics

aten = torch.ops.aten


class NotRecordable(RuntimeError):
    """The function is no straight line of tensor operations: its course hangs on values, it is random, or it changes in
    place what is seen elsewhere."""


Function = Callable[..., Any]

SAME = {aten.detach.default, aten.alias.default, aten.lift_fresh_copy.default, aten.clone.default}
"""Operations that give what they take (no result is changed in place)."""
FILLED = {
    aten.zeros_like.default, aten.ones_like.default, aten.full_like.default, aten.new_zeros.default,
    aten.new_ones.default, aten.new_full.default,
}  # fmt: skip
"""Operations of which the shape alone matters."""
LARGEST = 4_000_000
"""Most elements of a constant that is worked out beforehand."""


def traced(function: Function, *inputs: Tensor) -> Function:
    """The function for inputs of these shapes, faster; the inputs' values do not matter. The function must be a straight
    line of tensor operations: raises NotRecordable where its course hangs on values, and what it raises itself."""
    module = recorded(function, *inputs)
    # what is made of plain numbers has the type that the function's own numbers had
    with numerics(inputs[0].dtype):
        simplify(module, inputs)
        outputs = next(n for n in module.graph.nodes if n.op == "output").args[0]
        if any(n.op != "call_function" for n in (outputs if isinstance(outputs, tuple | list) else (outputs,))):
            raise NotRecordable("a result does not hang on the inputs")
        run = _scripted(module, inputs)

    def without_gradients(*values: Tensor) -> Any:
        with torch.no_grad():
            return run(*values)

    return without_gradients


def recorded(function: Function, *inputs: Tensor) -> fx.GraphModule:
    """The operations of one call as a graph; tensors that are no inputs are constants in it. Raises NotRecordable for what
    cannot be repeated: numbers taken out of tensors, changes in place, randomness. (torch's own ``make_fx`` does the
    same, and takes over a second to import.)"""
    with _Recorder(inputs) as recorder:
        result = function(*inputs)
    outputs = result if isinstance(result, tuple) else (result,)
    nodes = [recorder.node(v) for v in outputs]
    recorder.graph.output(tuple(nodes) if isinstance(result, tuple) else nodes[0])
    return fx.GraphModule(recorder.root, recorder.graph)


class _Recorder(TorchDispatchMode):
    """Every tensor is known by the memory it looks at: all are kept, and none is changed but what was made here and has
    been seen by nothing else yet, which becomes what the same operation out of place gives."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # nothing is compiled while this is on, and the import would take a second
        return False

    def __init__(self, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.root = torch.nn.Module()
        self.kept: list[Tensor] = list(inputs)
        self.nodes = {_place(v): self.graph.placeholder(f"input_{i}") for i, v in enumerate(inputs)}

    def node(self, value: Tensor) -> fx.Node:
        key = _place(value)
        if key not in self.nodes:
            name = f"constant_{len(self.kept)}"
            self.kept.append(value)
            self.root.register_buffer(name, value.detach())
            self.nodes[key] = self.graph.get_attr(name)
        return self.nodes[key]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # fmt: skip
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise NotRecordable(f"{func} cannot be recorded")
        if func._schema.is_mutable:
            return self._in_place(func, args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        outputs = result if isinstance(result, tuple | list) else (result,)
        if not all(isinstance(v, Tensor) for v in outputs):
            raise NotRecordable(f"{func} gives a number")
        call = self._call(func, args, kwargs or {})
        for i, value in enumerate(outputs):
            # a view of all of a tensor is that tensor
            if _place(value) not in self.nodes:
                self.kept.append(value)
                node = call if value is result else self.graph.call_function(operator.getitem, (call, i))
                self.nodes[_place(value)] = node
        return result

    def _call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.Node:
        placed = pytree.tree_map(lambda v: self.node(v) if isinstance(v, Tensor) else v, (args, kwargs))
        return self.graph.call_function(func, placed[0], placed[1])

    def _in_place(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``x.op_(...)`` as ``x = x.op(...)``, where nothing else looks at the memory of x."""
        packet, overload = func._schema.name.removeprefix("aten::"), func._overloadname
        plain = getattr(getattr(aten, packet.removesuffix("_"), None), overload, None)
        changed = args[0] if args else None
        if (
            plain is None
            or not packet.endswith("_")
            or plain._schema.is_mutable
            or not isinstance(changed, Tensor)
        ):
            raise NotRecordable(f"{func} cannot be recorded")
        location, memory = _place(changed), changed.untyped_storage().data_ptr()
        known = self.nodes.get(location)
        alone = all(key == location for key in self.nodes if key[0] == memory)
        if known is None or known.op != "call_function" or not alone:
            raise NotRecordable(f"{func} changes what is seen elsewhere")
        call = self._call(plain, args, kwargs)
        result = func(*args, **kwargs)
        self.nodes[location] = call
        return result


def _place(value: Tensor) -> tuple[Any, ...]:
    shape, stride = tuple(value.shape), tuple(value.stride())
    return value.untyped_storage().data_ptr(), value.storage_offset(), shape, stride, value.dtype


def _scripted(module: fx.GraphModule, inputs: tuple[Tensor, ...]) -> Function:
    """The graph run by TorchScript's interpreter, which has no Python between operations; by Python where torch has it no
    more. Its compilation unit is the function's alone: what ``torch.jit.trace`` makes stays in memory to the end."""
    if not hasattr(torch._C, "_create_graph_by_tracing"):
        return module
    names = [f"input_{i}" for i in range(len(inputs))]
    graph, _ = torch._C._create_graph_by_tracing(module.forward, inputs, lambda _: "", True, False, None, names)
    script: Function = torch._C.CompilationUnit().create_function("recorded", graph)
    if all(v.device.type == "cpu" for v in inputs):
        return script

    def unfused(*values: Tensor) -> Any:
        # fused kernels appear after some calls and round otherwise: a resumed run would differ
        with torch.jit.optimized_execution(False):
            return script(*values)

    return unfused


def simplify(module: fx.GraphModule, inputs: tuple[Tensor, ...]) -> None:
    """Constants folded, copies and neutral operations dropped, equal operations shared, dead ones removed."""
    if _changes_in_place(module):
        return
    _Folding(module, inputs).run()
    graph = module.graph
    graph.eliminate_dead_code()
    graph.lint()
    module.delete_all_unused_submodules()
    module.recompile()


def _changes_in_place(module: fx.GraphModule) -> bool:
    operations = (n.target for n in module.graph.nodes if n.op == "call_function")
    return any(t._schema.is_mutable for t in operations if isinstance(t, torch._ops.OpOverload))


class _Folding:
    """One pass over a graph in order."""

    def __init__(self, module: fx.GraphModule, inputs: tuple[Tensor, ...]) -> None:
        self.module = module
        self.graph = module.graph
        self.inputs = iter(inputs)
        self.value: dict[fx.Node, Any] = {}  # of the recording: shapes, and values of constants
        self.constants: dict[fx.Node, Tensor] = {}
        self.seen: dict[Any, fx.Node] = {}

    @torch.no_grad()
    def run(self) -> None:
        for node in list(self.graph.nodes):
            if node.op == "placeholder":
                self.value[node] = next(self.inputs)
            elif node.op == "get_attr":
                self.value[node] = self.constants[node] = getattr(self.module, str(node.target))
            elif node.op == "call_function":
                self._call(node)

    def _call(self, node: fx.Node) -> None:
        arguments = fx.map_arg((node.args, node.kwargs), lambda n: self.value[n])
        if node.target in (aten.view.default, aten._unsafe_view.default):
            # a copy that was left out may have made the memory fit for a view
            node.target = aten.reshape.default
        operation: Any = node.target
        self.value[node] = operation(*arguments[0], **arguments[1])
        if node.target in SAME and isinstance(node.args[0], fx.Node):
            self._replace(node, node.args[0])
            return
        result = self.value[node]
        is_constant = all(n in self.constants for n in node.all_input_nodes) or node.target in FILLED
        if is_constant and isinstance(result, Tensor) and result.numel() <= LARGEST:
            self._constant(node, result.detach())
            return
        other = self._neutral(node)
        if other is not None:
            self._replace(node, other)
            return
        key = self._key(node)
        if key in self.seen:
            self._replace(node, self.seen[key])
        elif key is not None:
            self.seen[key] = node

    def _constant(self, node: fx.Node, value: Tensor) -> None:
        name = f"folded_{len(self.constants)}"
        self.module.register_buffer(name, value)
        with self.graph.inserting_before(node):
            new = self.graph.get_attr(name)
        self.value[new] = self.constants[new] = value
        node.replace_all_uses_with(new)
        self.graph.erase_node(node)

    def _replace(self, node: fx.Node, other: fx.Node) -> None:
        node.replace_all_uses_with(other)
        self.graph.erase_node(node)

    def _neutral(self, node: fx.Node) -> fx.Node | None:
        """The operand that an operation gives back unchanged, if it does."""
        if not node.args or not isinstance(node.args[0], fx.Node):
            return None
        first = node.args[0]
        like = self.value[first]
        if not isinstance(like, Tensor) or not isinstance(self.value[node], Tensor):
            return None
        same = like.shape == self.value[node].shape and like.dtype == self.value[node].dtype
        if node.target in (aten.expand.default, aten.reshape.default) and same:
            return first
        if node.target in (aten.add.Tensor, aten.mul.Tensor, aten.sub.Tensor, aten.div.Tensor) and not node.kwargs:
            neutral = 0.0 if node.target in (aten.add.Tensor, aten.sub.Tensor) else 1.0
            if same and self._is_all(node.args[1], neutral):
                return first
            second = node.args[1]
            if node.target in (aten.add.Tensor, aten.mul.Tensor) and isinstance(second, fx.Node):
                operand = self.value[second]
                fits = operand.shape == self.value[node].shape and operand.dtype == self.value[node].dtype
                if fits and self._is_all(first, neutral):
                    return second
        return None

    def _is_all(self, argument: Any, number: float) -> bool:
        if isinstance(argument, fx.Node):
            return argument in self.constants and bool((self.constants[argument] == number).all())
        return isinstance(argument, int | float) and argument == number

    def _key(self, node: fx.Node) -> Any:
        key = node.target, _hashable(node.args), _hashable(tuple(sorted(node.kwargs.items())))
        try:
            hash(key)
        except TypeError:
            return None
        return key


def _hashable(value: Any) -> Any:
    return tuple(_hashable(v) for v in value) if isinstance(value, tuple | list) else (type(value), value)
