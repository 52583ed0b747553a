"""Write the MNIST test digits that come with the project: `python -m benchmarks.mnist_asset`."""

import argparse

import numpy as np

from ebgfn.problems.images.sets import SHIPPED, SHIPPED_EVERY, binarised_test, read


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    bits, labels = binarised_test("mnist")[::SHIPPED_EVERY], read("mnist", "test").labels[::SHIPPED_EVERY]
    np.savez_compressed(SHIPPED, bits=np.packbits(bits, axis=1), labels=labels.astype(np.uint8))
    print(f"{SHIPPED}: {len(bits)} digits, {SHIPPED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
