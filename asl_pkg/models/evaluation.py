"""A trained classifier on its validation split: temperature, metrics, and the drift reference."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.datamodule import HARDER, ImageData
from asl_pkg.data.decoding import Pixels
from asl_pkg.metrics import classification
from asl_pkg.models.classifier import Classifier
from asl_pkg.monitoring.drift import CONFIDENCE, CONFIDENCE_DIGITS, LETTER
from asl_pkg.monitoring.features import MEASURES, describe_image

BATCH = 64  # images
SAMPLE = 1000  # images that the drift reference describes: their share of anything is known to within 0.04


def predict_logits(classifier: Classifier, pixels: Pixels) -> torch.Tensor:
    """Compute the logits of images, on the device where the classifier is.

    Args:
        classifier: Classifier in evaluation mode.
        pixels: uint8 [n, 200, 200, 3].

    Returns:
        Logits on the CPU, float32 [n, 29], not divided by the temperature.
    """
    with torch.inference_mode():
        batches = (np.array(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH))
        return torch.cat([classifier(torch.from_numpy(batch).to(classifier.device)).cpu() for batch in batches])


def validation_logits(classifier: Classifier, data: ImageData) -> torch.Tensor:
    """Compute the logits of the validation split, from its features where training has computed them.

    Args:
        classifier: Classifier in evaluation mode.
        data: The data that it was trained on.

    Returns:
        Logits on the CPU, float32 [n, 29], not divided by the temperature.
    """
    if not data.features:
        return predict_logits(classifier, data.validation_split.pixels)
    return _classify(classifier, data.features[contract.VALIDATION][0])


def calibration_logits(
    classifier: Classifier, data: ImageData, logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the logits that the temperature is fitted on.

    Images of people are harder than drawn ones: the validation split alone would make a network with frozen parts too
    sure of strangers. Its temperature is fitted on the shrunk and augmented images, too.

    Args:
        classifier: Classifier in evaluation mode.
        data: The data that it was trained on.
        logits: Those of the validation split, from `validation_logits`.

    Returns:
        Logits on the CPU, float32 [m, 29], and labels, int64 [m].
    """
    labels = torch.tensor(data.validation_split.labels)
    if HARDER not in data.features:
        return logits, labels
    return torch.cat([logits, _classify(classifier, data.features[HARDER][0])]), labels.repeat(2)


def _classify(classifier: Classifier, features: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return classifier.classify(features.to(classifier.device)).cpu()


def confusion(logits: torch.Tensor, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count answers: [29, 29], truth in rows and answers in columns."""
    return classification.confusion_by_group(labels, logits.argmax(dim=1).numpy(), np.zeros_like(labels))[0]


def measure_validation(logits: torch.Tensor, labels: NDArray[np.int64], temperature: float) -> dict[str, float]:
    """Measure the answers on the validation split.

    Args:
        logits: float32 [n, 29].
        labels: int64 [n].
        temperature: Divides the logits.

    Returns:
        best_validation_accuracy, …_macro_f1, …_loss (negative log-likelihood, calibrated) and …_calibration_error.
    """
    counts = confusion(logits, labels)
    log_probabilities = torch.log_softmax(logits / temperature, dim=1)
    truth = torch.tensor(labels)
    return {
        "best_validation_accuracy": float(classification.accuracy(counts)),
        "best_validation_macro_f1": float(classification.macro_f1(counts)),
        "best_validation_loss": float(torch.nn.functional.nll_loss(log_probabilities, truth)),
        "best_validation_calibration_error": classification.reliability(log_probabilities.exp().numpy(), labels).error,
    }


def statistics(pixels: Pixels, labels: NDArray[np.int64], logits: torch.Tensor, temperature: float) -> dict[str, Any]:
    """Describe the validation split, so that images seen in serving can be compared with it.

    Args:
        pixels: uint8 [n, 200, 200, 3].
        labels: int64 [n].
        logits: float32 [n, 29].
        temperature: Divides the logits.

    Returns:
        Images, class_prior and predicted_prior by class, confidence_mean, the mean and standard deviation of each
        colour channel in 0..1, and of a sample of the images the numbers that `asl monitor` compares.
    """
    probabilities = torch.softmax(logits / temperature, dim=1)
    means, squares = np.zeros(3), np.zeros(3)
    for image in pixels:  # one at a time: the split may not fit into memory as floats
        values = image.reshape(-1, 3) / 255
        means += values.mean(axis=0) / len(pixels)
        squares += (values**2).mean(axis=0) / len(pixels)
    return {
        "images": len(labels),
        "class_prior": _shares(labels),
        "predicted_prior": _shares(probabilities.argmax(dim=1).numpy()),
        "confidence_mean": float(probabilities.amax(dim=1).mean()),
        "pixel_mean": means.tolist(),
        "pixel_std": np.sqrt(squares - means**2).tolist(),
        "sample": _sample(pixels, probabilities),
    }


def _sample(pixels: Pixels, probabilities: torch.Tensor) -> dict[str, list[Any]]:
    """Measures, confidence and answer of a sample that is large enough."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(pixels))[:SAMPLE])
    described = [describe_image(np.asarray(pixels[row])) for row in chosen]
    confidence, answer = (part[chosen].tolist() for part in probabilities.max(dim=1))
    return {
        **{name: [row[name] for row in described] for name in MEASURES},
        CONFIDENCE: [round(value, CONFIDENCE_DIGITS) for value in confidence],
        LETTER: [contract.CLASSES[label] for label in answer],
    }


def _shares(classes: NDArray[np.int64]) -> dict[str, float]:
    counts = np.bincount(classes, minlength=len(contract.CLASSES)) / len(classes)
    return dict(zip(contract.CLASSES, counts.tolist(), strict=True))
