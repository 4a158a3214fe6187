"""The estimate of time and memory of a training."""

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from jitcnn import SGD, Adam, Conv2D, Dense, Flatten, ReLU, TrainingSettings, WeightAverage, load_digits
from jitcnn.errors import ConfigError, DataError
from jitcnn.net.model import CNN
from jitcnn.support.image_rows import ImageRows
from jitcnn.training import Trainer, estimate_training

DATA = load_digits().limited(320)


def small_net():
    rng = np.random.default_rng(0)
    layers = [Conv2D(1, 8, 3, rng=rng), ReLU(), Flatten(), Dense(8 * 26 * 26, 10, rng=rng)]
    return CNN(layers, input_shape=(1, 28, 28))


def settings(**changes):
    return TrainingSettings(**{"optimizer": SGD(0.01), "epochs": 2, "batch_size": 32, **changes})


def test_time_is_within_a_factor_of_two():
    Trainer(small_net(), DATA, settings(epochs=1)).train()  # compiles
    ratios = []
    for _ in range(5):  # another process may slow down one of them
        found = estimate_training(small_net(), DATA, settings())
        start = perf_counter()
        Trainer(small_net(), DATA, settings()).train()
        ratios.append((perf_counter() - start) / found.seconds)
        if 0.5 < ratios[-1] < 2:
            return
    pytest.fail(f"time of the training relative to its estimate: {ratios}")


def test_model_and_settings_are_unchanged():
    model, how = small_net(), settings()
    before = model.fingerprint()
    estimate_training(model, DATA, how)
    assert (model.fingerprint(), model.class_names, how.optimizer.steps) == (before, (), 0)


def test_steps_are_counted_without_the_first():
    assert estimate_training(small_net(), DATA, settings(), steps=4).steps == 4


def test_short_epoch_gives_fewer_steps():
    found = estimate_training(small_net(), DATA.limited(64), settings())
    assert (found.steps, found.steps_per_epoch) == (1, 2)


def test_epoch_of_one_step_is_timed_with_it():
    assert estimate_training(small_net(), DATA.limited(20), settings()).steps == 1


def test_times_add_up():
    found = estimate_training(small_net(), DATA, settings(epochs=7), steps=2)
    assert found.epoch_seconds == found.steps_per_epoch * found.step_seconds + found.evaluation_seconds
    assert found.seconds == 7 * found.epoch_seconds


def test_memory_is_that_of_the_arrays_by_hand():
    memory = estimate_training(small_net(), DATA, settings(), steps=1).memory
    weights = 4 * (8 * 9 + 8 + 8 * 26 * 26 * 10 + 10)
    assert (memory.weights, memory.gradients, memory.optimizer) == (weights, weights, weights)
    assert memory.images == 640 * 28 * 28
    # d_out and d_x of the convolution with its ReLU
    assert memory.passing == 32 * 4 * (8 * 26 * 26 + 28 * 28)


def test_activations_are_the_arrays_that_the_backward_pass_needs():
    memory = estimate_training(small_net(), DATA, settings(), steps=1).memory
    pixels, maps = 32 * 28 * 28, 32 * 8 * 26 * 26
    # the batch as uint8 and float32, and the output of the ReLU once, although two layers keep it
    assert memory.activations == pytest.approx(pixels + 4 * pixels + 4 * maps, rel=0.3)


def test_adam_and_averages_need_more_memory():
    plain = estimate_training(small_net(), DATA, settings(), steps=1).memory
    more = settings(optimizer=Adam(), average=WeightAverage(0.9))
    memory = estimate_training(small_net(), DATA, more, steps=1).memory
    assert memory.optimizer == 3 * plain.weights


def test_best_weights_need_memory():
    held = DATA.validation(64)
    kept, plain = (
        estimate_training(small_net(), held, settings(keep=keep), steps=1).memory for keep in ("best", "last")
    )
    assert kept.optimizer - plain.optimizer == plain.weights


def test_peak_is_the_sum():
    memory = estimate_training(small_net(), DATA, settings(), steps=1).memory
    assert memory.peak == sum(vars(memory).values())


def test_images_in_a_mapped_file_are_no_memory(tmp_path):
    np.save(tmp_path / "images.npy", DATA.x_train)
    file = np.load(tmp_path / "images.npy", mmap_mode="r")
    part = estimate_training(small_net(), replace(DATA, x_train=file), settings(), steps=1).memory
    assert (part.images, part.mapped) == (DATA.x_test.nbytes, DATA.x_train.nbytes)
    rows = ImageRows(file, np.arange(320)[::-1])
    memory = estimate_training(small_net(), replace(DATA, x_train=rows, x_test=file), settings(), steps=1).memory
    assert (memory.images, memory.mapped) == (0, 640 * 28 * 28)
    assert memory.peak == sum(vars(memory).values()) - memory.mapped


def test_no_step_raises():
    with pytest.raises(ConfigError, match="steps must be at least 1, got 0"):
        estimate_training(small_net(), DATA, settings(), steps=0)


def test_data_that_do_not_fit_raise():
    rng = np.random.default_rng(0)
    model = CNN([Flatten(), Dense(784, 9, rng=rng)], input_shape=(1, 28, 28))
    with pytest.raises(DataError, match="9 classes"):
        estimate_training(model, DATA, settings())
