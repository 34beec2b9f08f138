"""Every planted defect, how it is planted, and the gate expected to refuse it; written before any gate ran on it."""

from dataclasses import dataclass

DEPLOY = "deploy"  # `asl deploy` refuses: report and bundle do not belong together, or the report contradicts itself
SIGNATURE = "signature"  # only a signature can tell: every digest was recomputed


@dataclass(frozen=True)
class Defect:
    """A planted defect.

    Args:
        name: A few words.
        how: How it is planted into a good model.
        caught_by: Gate that must refuse it; DEPLOY or SIGNATURE if no gate can see it.
    """

    name: str
    how: str
    caught_by: str


DEFECTS = [
    # The checkpoint is bad, and what was exported is that checkpoint.
    Defect("not trained", "the last layer is random", "accuracy"),
    Defect("trained on shuffled labels", "the last layer is fitted again, on labels in random order", "accuracy"),
    Defect("always nothing", "the last layer knows `nothing` alone", "accuracy"),
    Defect("two classes swapped", "the rows of A and B in the last layer are swapped", "recall"),
    Defect("a class never predicted", "the bias of E is far below every other", "recall"),
    Defect("two points worse than the champion", "just enough noise in the last layer", "champion"),
    Defect("one signer misread", "the last layer answers `space` to the images of one signer", "worst_group"),
    Defect("strangers misread", "the last layer answers `space` to the images of the external set", "external"),
    Defect("temperature 0.01", "the checkpoint's temperature", "contract"),
    Defect("underconfident", "logits divided until the mean confidence is 70 %", "calibration"),
    Defect("never sure", "logits divided until the mean confidence is 30 %", "unsure"),
    Defect("blind in bright light", "the last layer answers `del` to images that are a third brighter", "stability"),
    Defect("a letter in an empty scene", "the last layer answers A to scenes without a hand", "empty_scenes"),
    Defect("a letter in noise", "the last layer answers B to random pixels", "noise"),
    # Training's record of what it read.
    Defect("trained on another data set", "bundle and checkpoint name another digest", "data_set"),
    Defect("trained on the test split", "every test image in seen.parquet", "leak"),
    Defect("tuned to near-duplicates", "re-encoded test images in the training split and in seen.parquet", "leak"),
    Defect("no record of the images read", "no seen.parquet beside the checkpoint", "leak"),
    # The graph gives other results than the checkpoint.
    Defect("BGR instead of RGB", "the graph flips the channels", "parity"),
    Defect("normalisation forgotten", "the network gets pixels of 0 to 255", "parity"),
    Defect("normalisation doubled", "normalised pixels are normalised again", "parity"),
    Defect("NHWC taken for NCHW", "pixels are reshaped where they should be transposed", "parity"),
    Defect("mirrored", "the graph flips images horizontally", "parity"),
    Defect("softmax twice", "a softmax over the probabilities", "parity"),
    Defect("temperature left out", "the checkpoint was calibrated, the graph was not", "parity"),
    Defect("slightly off", "a thousandth is added to every probability", "parity"),
    Defect("stale checkpoint exported", "the bundle is of an earlier epoch than the checkpoint", "parity"),
    Defect("fp16 overflow", "pixels times 300 in half precision: bright ones overflow", "finite"),
    Defect("batch statistics in the graph", "logits are centred by a twentieth of their batch's mean", "independence"),
    Defect("answers shifted in the batch", "each image gets the answer to the one before it", "independence"),
    Defect("dropout left on", "random noise in the graph", "independence"),
    Defect("ten times slower", "everything is computed twenty times; a call also has a fixed cost", "latency"),
    # The graph is not what the contract says.
    Defect("NaN in a weight", "one weight of the first layer", "contract"),
    Defect("softmax forgotten", "the output is logits", "contract"),
    Defect("fixed batch 1", "the graph takes one image at a time", "contract"),
    Defect("wrong input name", "`pixels`", "contract"),
    Defect("float input", "the graph takes float32", "contract"),
    Defect("extra output", "the logits as a second output", "contract"),
    Defect("opset too new", "opset 24", "contract"),
    Defect("IR version too new", "IR version 13", "contract"),
    Defect("custom operator", "an operator of another domain", "contract"),
    Defect("operator of ONNX Runtime's own", "a Gelu of the domain com.microsoft", "contract"),
    Defect("external data outside the folder", "a weight is declared to be in /etc", "contract"),
    Defect("external data in a constant", "a tensor inside a node is declared to be in another file", "contract"),
    Defect("classes out of order in the graph", "metadata_props", "contract"),
    Defect("no graph at all", "model.onnx holds text", "contract"),
    # The files around it are not what the contract says.
    Defect("labels out of order", "labels.txt", "contract"),
    Defect("Python file smuggled in", "model.py in the model repository", "contract"),
    Defect("shared library smuggled in", "libtriton_asl.so beside config.pbtxt", "contract"),
    Defect("a second version smuggled in", "2/model.onnx beside 1/model.onnx", "contract"),
    Defect("another backend", "config.pbtxt asks for the Python backend", "contract"),
    Defect("no batches", "max_batch_size 0 in config.pbtxt", "contract"),
    Defect("broken config", "config.pbtxt cannot be read", "contract"),
    Defect("another image preparation", "bundle.json names another version of the preparation", "contract"),
    Defect("a config that Triton refuses", "a thread count that is not a number", "triton"),
    # The bundle is not what was sealed.
    Defect("a byte changed", "in the middle of the graph", "integrity"),
    Defect("a file missing", "labels.txt", "integrity"),
    Defect("a file added", "in extras/", "integrity"),
    Defect("a link", "labels.txt is a symbolic link to an identical file elsewhere", "integrity"),
    Defect("a path that leaves the bundle", "bundle.json lists ../outside", "integrity"),
    Defect("another graph, digest recomputed", "all digests but the model digest in bundle.json", "integrity"),
    # Report and bundle are not what was validated.
    Defect("bundle.json altered", "the confidence threshold, after validation", DEPLOY),
    Defect("report of another bundle", "the bundle was exported again after validation", DEPLOY),
    Defect("a verdict changed to passed", "`passed` is true, the numbers say otherwise", DEPLOY),
    Defect("golden set altered", "one expected answer", DEPLOY),
    Defect("report edited, digests recomputed", "better numbers, consistent with one another", SIGNATURE),
    Defect("golden set edited, digests recomputed", "one image fewer", SIGNATURE),
    Defect("bundle edited, digests recomputed", "another threshold; bundle and report sealed again", SIGNATURE),
]
