"""`jitcnn bench --against` another framework: options, tables and JSON."""

import json

import pytest

from jitcnn.benchmark.peers import league, registry
from jitcnn.benchmark.peers.league import Row
from jitcnn.errors import ConfigError, DisagreementError
from jitcnn_cli import bench_screen, peer_screen
from jitcnn_cli.commands import bench
from jitcnn_cli.main import cli

JAX = Row("jax", "0.10.2", "inference, batch 1", 0.002, 0.003, [1.5, 1.0, 2.0])


@pytest.fixture
def only_jax(monkeypatch):
    """JAX is installed and answers at once; nothing else is."""

    def race(request, name, *, rounds, on_turn):
        on_turn(0, name)
        return [JAX]

    monkeypatch.setattr(registry, "find_spec", lambda module: True if module == "jax" else None)
    monkeypatch.setattr(league, "race_peer", race)
    monkeypatch.setattr(peer_screen, "race_peer", race)


def test_every_peer_is_a_choice():
    assert {"torch", *bench.PEERS} == set(registry.PEERS)


def test_all_prints_rows_and_one_line_per_missing_package(runner, only_jax):
    result = runner.invoke(cli, ["bench", "--against", "all", "--threads", "1"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "openvino: not installed: pip install openvino 'jitcnn[interchange]'" in lines
    assert "torch: not installed: pip install torch==2.13.0" in lines
    assert [cell.strip() for cell in next(line for line in lines if "0.10.2" in line).split("│")[1:-1]] == [
        "jax 0.10.2", "inference, batch 1", "3.000", "2.000", "1.50", "1.00", "2.00",
    ]  # fmt: skip
    assert "-bit vectors, 1 thread (" in lines[-1]
    assert max(map(len, (line for line in lines if line.startswith("│")))) <= 100


def test_all_is_no_error_without_any_package(runner, monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    result = runner.invoke(cli, ["bench", "--against", "all"])
    assert result.exit_code == 0, result.output
    assert result.output.count("not installed") == len(registry.PEERS)
    assert "│" not in result.output


def test_rows_are_written_as_json(runner, only_jax):
    result = runner.invoke(cli, ["bench", "--against", "jax", "--json", "-"])
    record = json.loads(result.stdout)
    assert record["against"] == [{**vars(JAX), "ratio": 1.5}]
    assert record["left_out"] == {}
    assert record["environment"]["vector_bits"] > 0


@pytest.mark.parametrize("name", bench.PEERS)
def test_missing_peer_by_name_exits_with_1(runner, monkeypatch, name):
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    result = runner.invoke(cli, ["bench", "--against", name])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: --against {name} requires {name.removesuffix('.compile')}")
    assert ": pip install " in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize("error", [ConfigError("jax raised no."), DisagreementError("jax disagrees.")])
def test_failing_peer_is_one_line_of_all_and_an_error_by_name(runner, only_jax, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(league, "race_peer", fail)
    monkeypatch.setattr(peer_screen, "race_peer", fail)
    every = runner.invoke(cli, ["bench", "--against", "all"])
    assert every.exit_code == 0
    assert f"jax: {str(error).removeprefix('jax ')}" in every.output.splitlines()
    alone = runner.invoke(cli, ["bench", "--against", "jax"])
    assert (alone.exit_code, alone.output) == (1, f"Error: {error}\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shapes", "zoo"], "--against all expects --shapes model, got zoo."),
        (["--dtype", "float64"], "--against all expects --dtype float32, got float64."),
        (["--impl", "loops"], "--against all expects --impl auto or all, got loops."),
        (["--model", "mnist"], "Unknown model 'mnist'"),
    ],
)
def test_options_of_other_comparisons_are_refused(runner, options, message):
    result = runner.invoke(cli, ["bench", "--against", "all", *options])
    assert result.exit_code == 1
    assert message in result.output


@pytest.mark.parametrize(("options", "rounds"), [((), 5), (("--rounds", "9"), 9)])
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_rounds_are_those_asked_for(runner, monkeypatch, name, options, rounds):
    def race(*request, rounds, **others):
        raise ConfigError(f"{rounds} rounds")

    monkeypatch.setattr(bench_screen, "against_torch", race)
    monkeypatch.setattr(peer_screen, "race_peer", race)
    assert f"Error: {rounds} rounds" in runner.invoke(cli, ["bench", "--against", name, *options]).output
