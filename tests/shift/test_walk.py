"""The shift test after training, and its conclusion."""

import numpy as np

from jitcnn import CNN, Dense, Flatten
from jitcnn.shift import ShiftRow, ShiftTest, shift_images, shift_test


def test_table_matches_the_predictions(trained):
    models, data = trained
    result = shift_test(models, data.x_test, data.y_test, range(3), most_images=100)
    assert [row.shift for row in result.rows] == [0, 1, 2]
    moved = shift_images(data.x_test[:100], 2, 2)
    for net, model in enumerate(models.values()):
        assert result.rows[2].accuracies[net] == (model.predict(moved) == data.y_test[:100]).mean()
    assert result.rows[0].predictions == [result.label, result.label]
    assert data.y_test[result.image_index] == result.label


def test_net_that_always_predicts_one_class_is_at_chance_level():
    net = CNN([Flatten(), Dense(64, 4)], input_shape=(1, 8, 8))
    net.layers[1].weights[...] = 0
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)
    found = shift_test({"flat": net}, images, np.arange(40) % 4, range(3))
    assert found.chance == 0.25
    assert found.conclusion().endswith(
        "flat is at chance level, the 25.0% of always predicting the most frequent class: the shifts tell nothing."
    )


def test_conclusion_follows_the_values():
    def table(far, *more):
        rows = [ShiftRow(0, [7, 7], [1, 1], [0.99, 0.97]), ShiftRow(1, [7, 7], [1, 1], far), *more]
        return ShiftTest(["cnn", "dense"], 7, 0, 1000, rows).conclusion()

    assert "cnn: 99.0% accuracy unshifted, 50.0% at a shift of 1 pixel" in table([0.5, 0.3])
    assert "At 1 pixel, cnn is 20 points more accurate than dense" in table([0.5, 0.3])
    assert "10 points less accurate" in table([0.5, 0.6])
    assert "cnn does not tolerate even a shift of 1 pixel" in table([0.5, 0.3])
    later = ShiftRow(2, [7, 7], [1, 1], [0.9, 0.3])
    assert "A shift of 1 pixel costs cnn at most 5 points, a shift of 2 pixels more: it tolerates" in table(
        [0.98, 0.3], later
    )
    assert "No tested shift was large enough" in table([0.98, 0.3])
