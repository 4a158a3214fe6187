"""What the machine can do, measured."""

from jitcnn.benchmark.machine import measure_machine


def test_a_machine_is_measured(dtype):
    machine = measure_machine(dtype, size=64)
    assert machine.processor
    assert machine.matmul_gflops > 0
    assert machine.copy_gigabytes > 0
