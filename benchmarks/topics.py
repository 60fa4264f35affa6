"""Latent Dirichlet allocation beside tomotopy and scikit-learn, one thread: seconds of training, held-out perplexity.

``topics.py FOLDER``: a folder of ``NAME.ldac`` (or ``.ldac.gz``) files in lda-c format, ``n id:count ...`` a document.
Every fifth document is held out; its tokens are split in half, the first half gives its topics by the same fold-in for
all three, the second is predicted. K topics, alpha 0.1, eta 0.01. Without a folder: the example's 187 documents.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scipy.sparse  # noqa: E402
import torch  # noqa: E402

import pgmlang  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ALPHA, ETA = 0.1, 0.01
torch.set_num_threads(1)


def corpora() -> dict[str, scipy.sparse.csr_matrix]:
    """Counts [document, word] by name."""
    if len(sys.argv) < 2:
        table = pd.read_csv(EXAMPLES / "topics/modules.csv", keep_default_na=False)
        codes = [pd.factorize(table[c])[0] for c in ("doc", "w")]
        return {"modules": scipy.sparse.csr_matrix((table["n"], codes))}
    out = {}
    for path in sorted(Path(sys.argv[1]).rglob("*.ldac*")):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows, columns, counts = [], [], []
        for i, line in enumerate(raw.decode().splitlines()):
            for pair in line.split()[1:]:
                word, count = pair.split(":")
                rows.append(i)
                columns.append(int(word))
                counts.append(int(count))
        out[path.name.split(".")[0]] = scipy.sparse.csr_matrix((counts, (rows, columns)))
    return out


def halves(counts: scipy.sparse.csr_matrix, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Dense counts of the two halves of each document's tokens."""
    dense = counts.toarray()
    first = rng.binomial(dense, 0.5)
    return first, dense - first


def perplexity(phi: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """exp of minus the mean log-probability of the second halves, topics of a document from its first half (a
    variational fold-in of 100 steps); ``phi [topic, word]``."""
    from scipy.special import digamma

    gamma = np.ones((len(first), len(phi)))
    for _ in range(100):
        weight = np.exp(digamma(gamma) - digamma(gamma.sum(1, keepdims=True)))
        gamma = ALPHA + weight * ((first / np.maximum(weight @ phi, 1e-300)) @ phi.T)
    theta = gamma / gamma.sum(1, keepdims=True)
    return float(np.exp(-(second * np.log(theta @ phi)).sum() / second.sum()))


def ours(counts: scipy.sparse.csr_matrix, topics: int, method: str) -> np.ndarray:
    text = (EXAMPLES / "topics/topics.pgm").read_text()
    text = text.replace("topics = 12, alpha = 0.1, eta = 0.05", f"topics = {topics}, alpha = {ALPHA}, eta = {ETA}")
    coo = counts.tocoo()
    width = len(str(counts.shape[1]))
    words = np.char.zfill(np.arange(counts.shape[1]).astype(str), width)
    rows = {"doc": np.repeat(coo.row, coo.data), "w": np.repeat(words[coo.col], coo.data)}
    options: dict[str, object] = {"restarts": 1, "tolerance": 1e-5}
    if method == "gibbs":
        options = {"chains": 1, "warmup": 200, "draws": 20}
    model = pgmlang.compile(text)
    if method == "meanfield":  # equal words of a document share their topics' distribution
        bound = model.bind({"doc": coo.row, "w": words[coo.col], "n": coo.data}, counts="n")
    else:
        bound = model.bind(rows)
    fit = model.fit(bound, method=method, seed=1, options=options)
    if method == "meanfield":
        found = fit.params["phi"]
    else:
        # as tomotopy does: the mean of the words' distributions given the draws of all topics
        found = np.zeros((topics, len(bound.labels["word"])))
        for z in np.asarray(fit.draws["z"]).reshape(-1, fit.draws["z"].shape[-1]):
            np.add.at(found, (z, bound.values["w"]), 1.0)
        found = found / 20 + ETA
        found /= found.sum(1, keepdims=True)
    phi = np.full((topics, counts.shape[1]), 1e-12)
    phi[:, [int(w) for w in bound.labels["word"]]] = found
    return phi / phi.sum(1, keepdims=True)


def tomotopy_topics(counts: scipy.sparse.csr_matrix, topics: int) -> np.ndarray:
    import tomotopy

    model = tomotopy.LDAModel(k=topics, alpha=ALPHA, eta=ETA, seed=1)
    for row in counts:
        model.add_doc([str(w) for w, n in zip(row.indices, row.data, strict=True) for _ in range(n)])
    model.train(500, workers=1)
    phi = np.full((topics, counts.shape[1]), 1e-12)
    at = [int(w) for w in model.used_vocabs]
    for k in range(topics):
        phi[k, at] = model.get_topic_word_dist(k)
    return phi / phi.sum(1, keepdims=True)


def sklearn_topics(counts: scipy.sparse.csr_matrix, topics: int) -> np.ndarray:
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(
        topics, doc_topic_prior=ALPHA, topic_word_prior=ETA, learning_method="batch", max_iter=60, random_state=1
    )
    found = model.fit(counts).components_
    return found / found.sum(1, keepdims=True)


def main() -> None:
    print("| corpus | topics | way | seconds | perplexity |\n| --- | --- | --- | --- | --- |")
    for corpus, counts in corpora().items():
        held = np.arange(counts.shape[0]) % 5 == 0
        first, second = halves(counts[held], np.random.default_rng(0))
        train = counts[~held]
        # words that training never saw are left out: the three give them different floors
        known = np.asarray(train.sum(0))[0] > 0
        first, second = first * known, second * known
        for topics in (20, 100) if corpus == "ap" else (20,):
            ways: list[tuple[str, Callable[[], np.ndarray]]] = [
                ("pgmlang meanfield", partial(ours, train, topics, "meanfield")),
                ("pgmlang gibbs, 220 sweeps", partial(ours, train, topics, "gibbs")),
                ("tomotopy, 500 sweeps", partial(tomotopy_topics, train, topics)),
                ("scikit-learn, batch", partial(sklearn_topics, train, topics)),
            ]
            for what, way in ways:
                if "gibbs" in what and topics > 20:
                    continue  # a quarter of an hour
                start = time.process_time()
                try:
                    phi = way()
                except ImportError as error:
                    print(f"| {corpus} | {topics} | {what} | not run: {error} | |")
                    continue
                seconds = time.process_time() - start
                print(f"| {corpus} | {topics} | {what} | {seconds:.1f} | {perplexity(phi, first, second):.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
