"""Latent Dirichlet allocation beside tomotopy and scikit-learn, one thread: seconds of training, held-out perplexity.

``topics.py FOLDER [WORD ...]``: a folder of ``NAME.ldac`` (or ``.ldac.gz``) files in lda-c format, ``n id:count ...`` a document.
Every fifth document is held out; its tokens are split in half, the first half gives its topics by the same fold-in for
all of them, the second is predicted. K topics, alpha 0.1, eta 0.01. Without a folder: the example's 187 documents. Words: of the ways with one of them in their name.

``gibbs`` and tomotopy are whole processes that read a table of documents, words and counts and end with what was fitted in a
file; their seconds are those of the processor, starting Python among them, the least of one run a seed (the first compiles). What one seed
finds may be two per cent better than another's: their perplexity is the mean over seeds.
"""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
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
DRAWS = 20
SEEDS, SWEEPS = (1, 2, 3), (160, 240, 300)
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


def model_text(topics: int) -> str:
    text = (EXAMPLES / "topics/topics.pgm").read_text()
    return text.replace("topics = 12, alpha = 0.1, eta = 0.05", f"topics = {topics}, alpha = {ALPHA}, eta = {ETA}")


def words_of(counts: scipy.sparse.csr_matrix) -> np.ndarray:
    """Names of the words, in order."""
    return np.char.zfill(np.arange(counts.shape[1]).astype(str), len(str(counts.shape[1])))


def meanfield_topics(counts: scipy.sparse.csr_matrix, topics: int) -> np.ndarray:
    coo, words = counts.tocoo(), words_of(counts)
    model = pgmlang.compile(model_text(topics))
    # equal words of a document share their topics' distribution
    bound = model.bind({"doc": coo.row, "w": words[coo.col], "n": coo.data}, counts="n")
    fit = model.fit(bound, method="meanfield", seed=1, options={"restarts": 1, "tolerance": 1e-5})
    return among_all(fit.params["phi"], bound.labels["word"], counts.shape[1])


def among_all(found: np.ndarray, words: Sequence[str], size: int) -> np.ndarray:
    """Topics over the words that were seen, as topics over all."""
    phi = np.full((len(found), size), 1e-12)
    phi[:, [int(w) for w in words]] = found
    return phi / phi.sum(1, keepdims=True)


def whole_process(command: list[str]) -> float:
    """Processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # as installed: modules are compiled once
    surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=surroundings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 4):
        raise ImportError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it failed")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_table(path: Path, counts: scipy.sparse.csr_matrix) -> None:
    coo, words = counts.tocoo(), words_of(counts)
    pd.DataFrame({"doc": coo.row, "w": words[coo.col], "n": coo.data}).to_csv(path, index=False)


def gibbs_process(
    counts: scipy.sparse.csr_matrix, topics: int, sweeps: int, seed: int
) -> tuple[float, np.ndarray]:
    """Seconds of `pgmc fit`, and the mean of the words' distributions given the draws of all topics."""
    with tempfile.TemporaryDirectory() as folder:
        table, model, fit = (Path(folder) / n for n in ("words.csv", "topics.pgm", "topics.fit"))
        write_table(table, counts)
        model.write_text(model_text(topics))
        start = "import sys; from pgmlang.cli.main import main; sys.exit(main())"
        command = [
            sys.executable, "-c", start, "fit", str(model), str(table), "--counts", "n", "--method", "gibbs", "--chains", "1",
            "--warmup", str(sweeps - DRAWS), "--draws", str(DRAWS), "--seed", str(seed), "-o", str(fit), "--force",
        ]  # fmt: skip
        seconds = whole_process(command)
        kept = pgmlang.load(fit)
        z = np.asarray(kept.draws["z"]).reshape(DRAWS, -1)
        coo = counts.tocoo()
        seen = {int(w): i for i, w in enumerate(kept.record.labels["word"])}
        columns = np.repeat([seen[w] for w in coo.col], coo.data)
        found = np.full((topics, len(seen)), ETA)
        for draw in z:
            np.add.at(found, (draw, columns), 1 / DRAWS)
    return seconds, among_all(found / found.sum(1, keepdims=True), kept.record.labels["word"], counts.shape[1])


def tomotopy_process(counts: scipy.sparse.csr_matrix, topics: int, seed: int) -> tuple[float, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "words.csv", Path(folder) / "topics.npz"
        write_table(table, counts)
        seconds = whole_process([sys.executable, "-c", TOMOTOPY, str(table), str(topics), str(out), str(seed)])
        found = np.load(out)
        return seconds, among_all(found["phi"], list(found["words"]), counts.shape[1])


TOMOTOPY = f"""
import csv, sys
import numpy as np, tomotopy
documents = {{}}
with open(sys.argv[1]) as file:
    for row in csv.DictReader(file):
        documents.setdefault(row["doc"], []).extend([row["w"]] * int(row["n"]))
model = tomotopy.LDAModel(k=int(sys.argv[2]), alpha={ALPHA}, eta={ETA}, seed=int(sys.argv[4]))
for words in documents.values():
    model.add_doc(words)
model.train(500, workers=1)
phi = np.array([model.get_topic_word_dist(k) for k in range(model.k)])
np.savez(sys.argv[3], phi=phi, words=np.array(list(model.used_vocabs)))
"""


def sklearn_topics(counts: scipy.sparse.csr_matrix, topics: int) -> np.ndarray:
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(
        topics, doc_topic_prior=ALPHA, topic_word_prior=ETA, learning_method="batch", max_iter=60, random_state=1
    )
    found = model.fit(counts).components_
    return found / found.sum(1, keepdims=True)


def timed(way: Callable[..., np.ndarray], *arguments: object) -> tuple[float, np.ndarray]:
    start = time.process_time()
    phi = way(*arguments)
    return time.process_time() - start, phi


def main() -> None:
    wanted = sys.argv[2:]
    print("| corpus | topics | way | seconds | perplexity | seconds to the first | perplexity to the first |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for corpus, counts in corpora().items():
        held = np.arange(counts.shape[0]) % 5 == 0
        first, second = halves(counts[held], np.random.default_rng(0))
        train = counts[~held]
        # words that training never saw are left out: the three give them different floors
        known = np.asarray(train.sum(0))[0] > 0
        first, second = first * known, second * known
        for topics in (20, 100) if corpus == "ap" else (20,):
            ours = [partial(gibbs_process, train, topics, n) for n in SWEEPS]
            ways: list[tuple[str, list[Callable[[], tuple[float, np.ndarray]]]]] = [
                ("tomotopy, 500 sweeps", [partial(tomotopy_process, train, topics, s) for s in SEEDS])
            ]
            for sweeps, way in zip(SWEEPS, ours, strict=True):
                ways.append((f"pgmlang gibbs, {sweeps} sweeps", [partial(way, s) for s in SEEDS]))
            ways += [
                ("pgmlang meanfield", [partial(timed, meanfield_topics, train, topics)]),
                ("scikit-learn, batch", [partial(timed, sklearn_topics, train, topics)]),
            ]
            peer: tuple[float, float] | None = None
            for what, runs in ways:
                if wanted and not any(w in what for w in wanted):
                    continue
                try:
                    done = [run() for run in runs]
                except ImportError as error:
                    print(f"| {corpus} | {topics} | {what} | not run: {error} | | | |")
                    continue
                seconds = min(s for s, _ in done)
                score = float(np.mean([perplexity(phi, first, second) for _, phi in done]))
                peer = peer or (seconds, score)
                ratios = f"{seconds / peer[0]:.2f} | {score / peer[1]:.3f}"
                print(f"| {corpus} | {topics} | {what} | {seconds:.1f} | {score:.0f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
