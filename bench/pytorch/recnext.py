"""RecNeXt's M and A series in PyTorch, written for the benchmarks from the paper's description, with the checkpoints' names."""
import torch
from torch import nn
from torch.nn import functional as F

VARIANTS = {
    # name: dims, depths, ratio
    "0": ((40, 80, 160, 320), (2, 2, 9, 1), 2),
    "1": ((48, 96, 192, 384), (3, 3, 15, 2), 2),
    "2": ((56, 112, 224, 448), (3, 3, 15, 2), 2),
    "3": ((64, 128, 256, 512), (3, 3, 13, 2), 2),
    "4": ((64, 128, 256, 512), (5, 5, 25, 4), 2),
    "5": ((80, 160, 320, 640), (7, 7, 35, 2), 2),
}


class ConvNorm(nn.Sequential):
    def __init__(self, inputs, outputs, k=1, stride=1, groups=1):
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, outputs, k, stride, k // 2, groups=groups, bias=False))
        self.add_module("norm", nn.BatchNorm2d(outputs))


class NormLinear(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.add_module("norm", nn.BatchNorm1d(inputs))
        self.add_module("linear", nn.Linear(inputs, outputs))


def mlp(channels, hidden):
    return nn.Sequential(ConvNorm(channels, hidden), nn.GELU(), ConvNorm(hidden, channels))


class RecConv2d(nn.Module):
    def __init__(self, channels, level):
        super().__init__()
        self.level = level
        options = dict(kernel_size=5, padding=2, groups=channels, bias=False)
        self.down = nn.Conv2d(channels, channels, stride=2, **options)
        self.convs = nn.ModuleList([nn.Conv2d(channels, channels, **options) for _ in range(level + 1)])

    def forward(self, x):
        identity, features = x, []
        for _ in range(self.level):
            size = x.shape[2:]
            x = self.down(x)
            features.append((x, size))
        y = 0
        for conv, (feature, size) in zip(self.convs, reversed(features)):
            y = F.interpolate(conv(feature + y), size=size, mode="bilinear")
        return self.convs[self.level](identity + y)


class LinearAttention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.qk = ConvNorm(channels, 2 * channels, groups=2)
        self.pe = ConvNorm(channels, channels, 3, groups=channels)

    def forward(self, x):
        batch, channels, height, width = x.shape
        n = height * width
        q, k = (F.elu(self.qk(x)) + 1).chunk(2, 1)
        q, k, v = (t.reshape(batch, self.heads, channels // self.heads, n).transpose(2, 3) for t in (q, k, x))
        d = channels // self.heads
        norm = q @ k.mean(2, keepdim=True).transpose(2, 3) + 1e-6
        if n > d:
            out = q @ (k.transpose(2, 3) @ (v / n)) / norm
        else:
            out = (q @ k.transpose(2, 3)) @ (v / n) / norm
        return out.transpose(2, 3).reshape(x.shape) + self.pe(x)


class RecAttn2d(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.down = nn.Sequential(ConvNorm(channels, channels, 5, 2, channels), LinearAttention(channels, heads))
        self.conv = ConvNorm(channels, channels, 5, 1, channels)

    def forward(self, x):
        return self.conv(x + F.interpolate(self.down(x), size=x.shape[2:], mode="nearest"))


class MBlock(nn.Module):
    def __init__(self, channels, ratio, stage):
        super().__init__()
        self.token_mixer = RecConv2d(channels, 4 - stage)
        self.norm = nn.BatchNorm2d(channels)
        self.channel_mixer = mlp(channels, int(channels * ratio))

    def forward(self, x):
        return x + self.channel_mixer(self.norm(self.token_mixer(x)))


class ABlock(nn.Module):
    def __init__(self, channels, ratio, stage):
        super().__init__()
        self.token_mixer = RecAttn2d(channels, 2 ** (stage + 1))
        self.channel_mixer = mlp(channels, int(channels * ratio))

    def forward(self, x):
        return x + self.channel_mixer(self.token_mixer(x))


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.token_mixer = nn.Conv2d(channels, 2 * channels, 7, 2, 3, groups=channels)
        self.norm = nn.BatchNorm2d(2 * channels)
        self.channel_mixer = mlp(2 * channels, 4 * channels)

    def forward(self, x):
        y = self.norm(self.token_mixer(x))
        return y + self.channel_mixer(y)


class Stage(nn.Module):
    def __init__(self, block, dims, depth, ratio, stage):
        super().__init__()
        self.downsample = Downsample(dims[stage - 1]) if stage > 0 else nn.Identity()
        self.blocks = nn.Sequential(*[block(dims[stage], ratio, stage) for _ in range(depth)])

    def forward(self, x):
        return self.blocks(self.downsample(x))


class Stem(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.stem = nn.Sequential(ConvNorm(3, dim // 2, 3, 2), nn.GELU(), ConvNorm(dim // 2, dim, 3, 2))

    def forward(self, x):
        return self.stem(x)


class Head(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.head = NormLinear(features, classes)
        self.head_dist = NormLinear(features, classes)

    def forward(self, x):
        pooled = x.mean((2, 3))
        logits, dist = self.head(pooled), self.head_dist(pooled)
        return (logits, dist) if self.training else (logits + dist) / 2


class RecNext(nn.Module):
    """`name`: recnext_m0 … recnext_m5, recnext_a0 … recnext_a5."""

    def __init__(self, name, classes=1000):
        super().__init__()
        series, number = name.removeprefix("recnext_")
        dims, depths, ratio = VARIANTS[number]
        if series == "a" and number in "345":
            ratio = 1.875
        block = MBlock if series == "m" else ABlock
        self.stem = Stem(dims[0])
        self.stages = nn.Sequential(*[Stage(block, dims, depth, ratio, i) for i, depth in enumerate(depths)])
        self.head = Head(dims[-1], classes)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)))


def fold(model):
    """Folds every ConvNorm's batch norm into its convolution, as the reference does for inference."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, ConvNorm):
                setattr(module, name, torch.nn.utils.fusion.fuse_conv_bn_eval(child.conv, child.norm))
    return model
