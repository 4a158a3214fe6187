"""The shift test of a training, and its sentence."""

from jitcnn.shift import ShiftRow, ShiftTest, shift_images, shift_test


def test_the_table_is_measured(trained):
    models, data = trained
    result = shift_test(models, data.x_test, data.y_test, range(3), most_images=100)
    assert [row.shift for row in result.rows] == [0, 1, 2]
    moved = shift_images(data.x_test[:100], 2, 2)
    for net, model in enumerate(models.values()):
        assert result.rows[2].accuracies[net] == (model.predict(moved) == data.y_test[:100]).mean()
    assert result.rows[0].predictions == [result.label, result.label]
    assert data.y_test[result.image_index] == result.label


def test_the_sentence_is_made_of_the_numbers():
    def table(far, *more):
        rows = [ShiftRow(0, [7, 7], [1, 1], [0.99, 0.97]), ShiftRow(1, [7, 7], [1, 1], far), *more]
        return ShiftTest(["cnn", "dense"], 7, 0, 1000, rows).conclusion()

    assert "cnn reads 99.0% of the images unmoved, 50.0% moved by 1" in table([0.5, 0.3])
    assert "At 1 pixel cnn reads 20 points more than dense" in table([0.5, 0.3])
    assert "10 points less" in table([0.5, 0.6])
    assert "Not even 1 pixel is forgiven" in table([0.5, 0.3])
    later = ShiftRow(2, [7, 7], [1, 1], [0.9, 0.3])
    assert "A move by 1 pixel costs it no more than 5 points, by 2 pixels more: tolerance" in table([0.98, 0.3], later)
    assert "No shift tried was large enough" in table([0.98, 0.3])
