"""Our fit against the bare loop and four peers: one epoch of a CNN, one epoch of matrix factorisation.

    python benchmarks/training.py [rounds]     writes training.md; needs benchmarks/requirements.txt

All train the same model on the same arrays with the same optimiser and batch size. For every torch contestant
Adam is fused, the convolutional net is channels-last, malloc keeps what a step frees (as ``fit`` asks it to),
and matrix factorisation, whose rows are too small for two, has one thread: what differs is the loop and how
it is fed.
"""

import logging
import os
import sys
import warnings

os.environ["CI"] = "true"  # no progress bars

import numpy as np
import torch
import torch.nn.functional as F
from common import interleaved, median_of_pairs, neighbours, table, where, write
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from helpers import batches, fit, load_keras
from helpers.training import keep_freed_memory

keras = load_keras()
import accelerate  # noqa: E402
import lightning  # noqa: E402
import skorch  # noqa: E402

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")

# ---------------------------------------------------------------- the two tasks

N_IMAGES, IMAGE_BATCH = 10_240, 256
N_RATINGS, RATING_BATCH, USERS, ITEMS, FACTORS = 100_000, 1_024, 943, 1_682, 32


def image_data():
    rng = np.random.default_rng(0)
    images = rng.random((N_IMAGES, 1, 28, 28), dtype=np.float32)
    return (images,), rng.integers(0, 10, N_IMAGES)


def image_net():
    torch.manual_seed(0)

    def block(before, after):
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    net = nn.Sequential(*block(1, 32), *block(32, 64), nn.Flatten(), nn.Linear(64 * 49, 10))
    return net.to(memory_format=torch.channels_last)


def image_net_keras():
    layers = keras.layers

    def block(channels):
        convolution = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        return [convolution, layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()]

    inputs = keras.Input((28, 28, 1))
    return keras.Sequential([inputs, *block(32), *block(64), layers.Flatten(), layers.Dense(10)])


def rating_data():
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, USERS, N_RATINGS), rng.integers(0, ITEMS, N_RATINGS)
    return (users, items), rng.normal(3.5, 1, N_RATINGS).astype(np.float32)


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.user, self.item = nn.Embedding(USERS, FACTORS), nn.Embedding(ITEMS, FACTORS)
        self.user_bias, self.item_bias = nn.Embedding(USERS, 1), nn.Embedding(ITEMS, 1)

    def forward(self, users, items):
        product = (self.user(users) * self.item(items)).sum(1)
        return product + self.user_bias(users)[:, 0] + self.item_bias(items)[:, 0]


def rating_net_keras():
    layers = keras.layers
    pairs = keras.Input((2,), dtype="int64")  # (user, item)
    vectors = [layers.Embedding(n, FACTORS)(pairs[:, i]) for i, n in enumerate((USERS, ITEMS))]
    biases = [layers.Embedding(n, 1)(pairs[:, i]) for i, n in enumerate((USERS, ITEMS))]
    product = layers.Dot(axes=1)(vectors)
    return keras.Model(pairs, (product + biases[0] + biases[1])[:, 0])


TASKS = {
    "cnn": (image_data, image_net, image_net_keras, F.cross_entropy, IMAGE_BATCH),
    "factors": (rating_data, Factors, rating_net_keras, F.mse_loss, RATING_BATCH),
}

# ---------------------------------------------------------------- the contestants


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)


def contestants(task):
    data, make_net, make_keras, loss_fn, size = TASKS[task]
    inputs, y = data()
    tensors = [torch.from_numpy(array) for array in (*inputs, y)]

    def loader():
        return DataLoader(TensorDataset(*tensors), batch_size=size, shuffle=True)

    def ours():
        net = make_net()
        feed, optimizer = batches(*tensors, batch_size=size, shuffle=True), adam(net)
        return lambda: fit(net, feed, loss_fn, optimizer, device="cpu")

    def channels_first():
        net = make_net().to(memory_format=torch.contiguous_format)
        feed, optimizer = batches(*tensors, batch_size=size, shuffle=True), adam(net)
        return lambda: fit(net, feed, loss_fn, optimizer, channels_last=False, device="cpu")

    def bare(choose):
        net = make_net()
        optimizer = adam(net)

        def train():
            net.train()
            for rows in choose():
                *x, target = (tensor[rows] for tensor in tensors)
                loss = loss_fn(net(*x), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return train

    def hand_loop():
        return bare(lambda: torch.randperm(len(y)).split(size))

    def same_batch():
        net = make_net()
        optimizer, (*x, target) = adam(net), (tensor[:size].clone() for tensor in tensors)

        def train():
            net.train()
            for start in range(0, len(y), size):
                short = min(size, len(y) - start)
                loss = loss_fn(net(*(part[:short] for part in x)), target[:short])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return train

    def with_batch_sampler():
        data = TensorDataset(*tensors)
        feed = DataLoader(data, sampler=BatchSampler(RandomSampler(data), size, False), batch_size=None)
        net = make_net()
        optimizer = adam(net)

        def train():
            net.train()
            for *x, target in feed:
                loss = loss_fn(net(*x), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return train

    def with_accelerate():
        tool = accelerate.Accelerator(cpu=True)
        net = make_net()
        net, optimizer, feed = tool.prepare(net, adam(net), loader())

        def train():
            net.train()
            for *x, target in feed:
                loss = loss_fn(net(*x), target)
                optimizer.zero_grad()
                tool.backward(loss)
                optimizer.step()

        return train

    def with_lightning():
        class Module(lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.net = make_net()

            def training_step(self, batch):
                *x, target = batch
                return loss_fn(self.net(*x), target)

            def configure_optimizers(self):
                return adam(self)

        quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", logger=False, **quiet)
        module, feed = Module(), loader()
        return lambda: trainer.fit(module, feed)

    def with_skorch():
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = make_net()

            def forward(self, X):
                return self.net(*X.unbind(1)) if task == "factors" else self.net(X)

        X = np.stack(inputs, 1) if task == "factors" else inputs[0]
        criterion = nn.MSELoss if task == "factors" else nn.CrossEntropyLoss
        wrapped = skorch.NeuralNet(
            Net,
            criterion=criterion,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            optimizer__fused=True,
            batch_size=size,
            max_epochs=1,
            train_split=None,
            verbose=0,
            iterator_train__shuffle=True,
        )
        wrapped.initialize()
        return lambda: wrapped.partial_fit(X, y)

    def keras_model():
        model = make_keras()
        losses = keras.losses
        loss = losses.MeanSquaredError() if task == "factors" else losses.SparseCategoricalCrossentropy(True)
        model.compile(keras.optimizers.Adam(1e-3), loss)
        X = np.stack(inputs, 1) if task == "factors" else inputs[0].transpose(0, 2, 3, 1)
        model.fit(X[:size], y[:size], batch_size=size, verbose=0)  # the graph is built here, untimed
        return model, X

    def with_keras():
        model, X = keras_model()
        return lambda: model.fit(X, y, batch_size=size, verbose=0)

    named = {
        "helpers.fit": ours,
        "hand loop": hand_loop,
        "one batch again and again (no data work)": same_batch,
        "hand loop, DataLoader(sampler=BatchSampler(…), batch_size=None)": with_batch_sampler,
        "Accelerate, DataLoader": with_accelerate,
        "Lightning, DataLoader": with_lightning,
        "skorch, its DataLoader": with_skorch,
        "Keras fit, arrays": with_keras,
    }
    if task == "cnn":
        named["helpers.fit, channels_last=False"] = channels_first
    if task == "factors":  # what Keras pays for a DataLoader

        def keras_from_loader():
            model, X = keras_model()
            data = TensorDataset(torch.from_numpy(X), tensors[-1])
            feed = DataLoader(data, batch_size=size, shuffle=True)
            return lambda: model.fit(feed, shuffle=False, verbose=0)

        named["Keras fit, DataLoader"] = keras_from_loader
    return named


def main(rounds=9):
    keep_freed_memory()
    lines = [
        "# Training speed",
        "",
        where("torch", "keras", "tensorflow", "lightning", "accelerate", "skorch"),
    ]
    lines += [
        f"Interleaved rounds: {rounds}, after one that warms up. Command: `python benchmarks/training.py`.",
        "",
    ]
    titles = {
        "cnn": f"One epoch of a CNN (two convolutions with batch normalisation, {N_IMAGES:,} images 28 × 28, "
        f"batch {IMAGE_BATCH}, Adam)",
        "factors": f"One epoch of matrix factorisation ({N_RATINGS:,} ratings, {FACTORS} factors and biases, "
        f"batch {RATING_BATCH:,}, Adam)",
    }
    threads, pairs = {"cnn": torch.get_num_threads(), "factors": 1}, {"cnn": 22, "factors": 40}
    for task, title in titles.items():
        torch.set_num_threads(threads[task])
        seconds = interleaved(contestants(task), rounds)
        lines += [
            f"## {title}",
            "",
            f"torch threads: {threads[task]}. Ratio: to `helpers.fit`.",
            "",
            *table(seconds, "helpers.fit"),
            "",
        ]
        ratios = {unit: median_of_pairs(seconds, "helpers.fit", unit) for unit in seconds}
        del ratios["helpers.fit"]
        lines.append("Median over the rounds of `helpers.fit` / the other:")
        lines += ["", *(f"- {unit}: {ratio:.3f}" for unit, ratio in ratios.items()), ""]
        lines += [neighbours(contestants(task), "helpers.fit", "hand loop", pairs[task]), ""]
    write("training.md", lines)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
