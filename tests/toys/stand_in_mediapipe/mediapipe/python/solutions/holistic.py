"""As MediaPipe 0.10.21: RGB images, normalised landmarks, None for parts that are not found."""

import os
import signal
import sys
import time
from types import SimpleNamespace


def marks(count, x, y, visibility=0.0):
    mark = SimpleNamespace(x=x, y=y, z=0.0, visibility=visibility)
    return SimpleNamespace(landmark=[mark] * count)


class Holistic:
    """The first pixel says what is found: red the hands (1 left, 2 right, 3 both), green the body.

    Blue 13 kills the process. A body's x is 0.01 for each image since the last reset: it tracks.
    """

    def __init__(self, static_image_mode=False, model_complexity=1, min_detection_confidence=0.5):
        assert not static_image_mode and model_complexity == 1
        if os.environ.get("STAND_IN_FAILS"):
            raise FileNotFoundError("no networks in this wheel")
        self.confidence = min_detection_confidence
        self.reset()

    def reset(self):
        self.images = 0

    def process(self, image):
        print("more noise", flush=True)
        print("W0000 00:00:17 1 feedback.cc:114] a warning", file=sys.stderr, flush=True)
        red, green, blue = image[0, 0].tolist()
        if blue == 13:
            print("it died of the stand-in", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ.get("STAND_IN_DELAY", 0)) / 1000)
        self.images += 1
        return SimpleNamespace(
            pose_landmarks=marks(33, self.images / 100, self.confidence, 0.25) if green else None,
            left_hand_landmarks=marks(21, 0.1, 0.2) if red & 1 else None,
            right_hand_landmarks=marks(21, 0.8, 0.4) if red & 2 else None,
        )
