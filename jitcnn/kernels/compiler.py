"""A compiler of kernels that optimises each kernel once, as a whole, with copies of its functions that are its own.

By default, numba generates machine code for every function of a kernel, for the body of its ``prange`` and for two wrappers of
that body; then it links all of them into the kernel as LLVM code and generates machine code once more. Only the last is run.
Here the functions compiled on the way are not optimised, and get no machine code: a first training step of mnist-cnn compiles
in 13 instead of 25 seconds of one core.

numba also links the functions weakly: of two kernels with the same function, the second one loaded runs the code of the first.
The last bits of a training then depended on what was compiled or loaded before. With functions of its own, a kernel has the same
bits whether it is compiled or loaded, and in any order, and LLVM adapts them to the kernel: a training step of mnist-cnn takes
0.8, of resnet20 0.9 of the time.

The overload of a function that was compiled on the way cannot be called from Python. It has no machine code (``is_inner``), is
not saved in the cache and is compiled once more if it is called.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from llvmlite import binding
from numba.core import codegen, types
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock

_Compiler: Any = Compiler  # untyped, as is the library
_Library: Any = codegen.JITCodeLibrary
_unliteral: Any = types.unliteral
WEAK = {binding.Linkage.linkonce_odr, binding.Linkage.weak_odr}  # of functions and the wrappers of a ``prange``


class _KernelLibrary(_Library):  # type: ignore[misc]
    """A kernel with its functions. Kernels that call it link it as it was before it was optimised."""

    _final_module: Any
    _shared_module: Any

    def _optimize_final_module(self) -> None:
        self._shared_module = self._final_module.clone()
        _set_linkage(self._shared_module, {binding.Linkage.external}, binding.Linkage.linkonce_odr)
        _set_linkage(self._final_module, WEAK, binding.Linkage.internal)
        super()._optimize_final_module()


class _InnerLibrary(_Library):  # type: ignore[misc]
    """Functions to link into a kernel. Of their module, the engine holds the environments alone, unless it is from the cache."""

    is_generated = False
    _final_module: Any

    def _optimize_final_module(self) -> None:
        """Do nothing: the functions are optimised in the kernel."""

    def _finalize_final_module(self) -> None:
        functions = self._final_module
        self.is_generated = self._object_caching_enabled and self._compiled_object is not None
        if not self.is_generated:
            self._final_module = binding.parse_assembly(_environments(functions))
        super()._finalize_final_module()
        self._final_module = functions


def _set_linkage(module: Any, before: set[Any], after: Any) -> None:
    for function in module.functions:
        if not function.is_declaration and function.linkage in before:
            function.linkage = after


def _environments(module: Any) -> str:
    """LLVM code that declares the environments of a module, where numba stores a pointer for each function."""
    names = [variable.name for variable in module.global_variables if variable.name.startswith("_ZN08NumbaEnv")]
    head = f'target triple = "{module.triple}"\ntarget datalayout = "{module.data_layout}"\n'
    return head + "".join(f'@"{name}" = common global ptr null\n' for name in names)


def is_inner(compiled: Any) -> bool:
    """Return whether a compiled function is only code for linking."""
    return isinstance(compiled.library, _InnerLibrary) and not compiled.library.is_generated


_kernels: list[str] = []  # the kernel being compiled, if any; numba compiles under a lock


def is_running() -> bool:
    """Return whether a kernel is being compiled, so that functions are compiled to be linked into it."""
    return bool(_kernels)


@contextmanager
def _inner_libraries(generator: Any, kernel: str) -> Iterator[None]:
    """Compile to inner libraries what a kernel calls, without the garbage collector, a tenth of the time."""
    collects = gc.isenabled()
    _kernels.append(kernel)
    generator._library_class = _InnerLibrary
    gc.disable()
    try:
        yield
    finally:
        _kernels.clear()
        del generator._library_class  # that of its class again
        if collects:
            gc.enable()


class KernelCompiler(_Compiler):  # type: ignore[misc]
    """numba's compiler with a library of its own for a kernel and for the functions compiled on the way."""

    def compile_extra(self, function: Any) -> Any:
        state, name, called = self.state, function.__qualname__, is_running()
        generator = state.targetctx.codegen()
        state.flags.no_cpython_wrapper = called
        state.library = (_InnerLibrary if called else _KernelLibrary)(generator, name)
        state.library.enable_object_caching()
        with nullcontext() if called else _inner_libraries(generator, name):
            return super().compile_extra(function)


def compile_for_kernels(dispatcher: Any) -> None:
    """Adapt the dispatcher of a kernel or a function of kernels, whose cache is a ``KernelCache``.

    Its inner overloads are hidden from calls from Python, which compile a callable overload in their place. A constant argument
    is passed as a number: numba would compile a copy of the function for each.
    """
    insert, compile_overload, call_template = dispatcher.add_overload, dispatcher.compile, dispatcher.get_call_template

    def add_overload(compiled: Any) -> None:
        if is_inner(compiled):
            dispatcher.overloads[tuple(compiled.signature.args)] = compiled
        else:
            insert(compiled)

    def compile_again(signature: Any) -> Any:
        with global_compiler_lock:
            found = dispatcher.overloads.get(tuple(signature))
            if found is not None and is_inner(found) and not is_running():
                del dispatcher.overloads[tuple(signature)]
            try:
                return compile_overload(signature)
            finally:
                dispatcher._cache.release()

    def without_constants(arguments: Any, keywords: Any) -> Any:
        numbers = {name: _unliteral(argument) for name, argument in keywords.items()}
        return call_template(tuple(_unliteral(argument) for argument in arguments), numbers)

    dispatcher.add_overload, dispatcher.compile = add_overload, compile_again
    dispatcher.get_call_template = without_constants
