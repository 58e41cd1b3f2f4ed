"""One model of each family of timm: whether its field is what gradients say.

``python -m benchmarks.families`` reads the features of each model (`forward_features`, weights at random) at
its own input size, verifies the field at a few units, and prints a table. timm 1.0.31 and PyTorch are needed;
``--only NAME`` takes one model. Each model has a process of its own, and some minutes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import erfmath as em

from .measure import markdown

# family:model, the smallest one of most families.
FAMILIES = """
    beit:beit_base_patch16_224 byoanet:eca_botnext26ts_256 byobnet:test_byobnet cait:cait_xxs24_224
    coat:coat_tiny convit:convit_tiny convmixer:convmixer_768_32 convnext:test_convnext
    cpubone:cpubone_nano crossvit:crossvit_tiny_240 csatv2:csatv2 cspnet:cs3darknet_focus_s
    cspnext:cspnext_tiny davit:davit_tiny deepseek_vit:deepseek_vit_412m deit:deit_tiny_patch16_224
    densenet:densenet121 dla:dla46_c dpn:dpn48b edgenext:edgenext_xx_small
    efficientformer:efficientformer_l1 efficientformer_v2:efficientformerv2_s0
    efficientnet:test_efficientnet efficientvim:efficientvim_m1 efficientvit_mit:efficientvit_b0
    efficientvit_msra:efficientvit_m0 eva:vit_tiny_patch16_dinov3_qkvb fasternet:fasternet_t0
    fastvit:fastvit_t8 focalnet:focalnet_tiny_srf gcvit:gcvit_xxtiny gemma4_vit:gemma4_vit_167m
    ghostnet:ghostnet_050 hardcorenas:hardcorenas_b hgnet:hgnetv2_b0 hiera:hiera_tiny_224
    hieradet_sam2:sam2_hiera_tiny hrnet:hrnet_w18_small iformer:iformer_t
    inception_next:inception_next_atto inception_resnet_v2:inception_resnet_v2 inception_v3:inception_v3
    inception_v4:inception_v4 lcnetv2:lcnetv2_small levit:levit_128 lowformer:lowformer_b0
    mambaout:test_mambaout maxxvit:test_coatnet metaformer:poolformer_s12 mlp_mixer:gmlp_ti16_224
    mobilenetv3:mobilenetv3_small_050 mobilenetv5:mobilenetv5_base mobilevit:mobilevit_xxs
    mvitv2:mvitv2_tiny naflexvit:naflexvit_base_patch16_gap nasnet:nasnetalarge nest:nest_tiny
    nextvit:nextvit_small nfnet:test_nfnet pit:pit_ti_224 pnasnet:pnasnet5large pvt_v2:pvt_v2_b0
    qwen3_vit:qwen3_vit_88m rdnet:rdnet_tiny regnet:regnetx_002 repghost:repghostnet_050
    repvit:repvit_m1 res2net:res2next50 resnest:resnest14d resnet:test_resnet resnetv2:resnetv2_18
    rexnet:rexnet_100 selecsls:selecsls42 senet:legacy_seresnet18 sequencer:sequencer2d_s shvit:shvit_s1
    sknet:skresnet18 starnet:starnet_s050 swiftformer:swiftformer_xs
    swin_transformer:swin_tiny_patch4_window7_224 swin_transformer_v2:swinv2_tiny_window8_256
    swin_transformer_v2_cr:swinv2_cr_tiny_384 tiny_vit:tiny_vit_5m_224 tnt:tnt_s_legacy_patch16_224
    tresnet:tresnet_m twins:twins_svt_small vgg:vgg11 visformer:visformer_tiny
    vision_transformer:test_vit vision_transformer_hybrid:vit_tiny_r_s16_p8_224
    vision_transformer_relpos:test_vit_relpos vision_transformer_sam:samvit_base_patch16_224
    vitamin:vitamin_small_224 volo:volo_d1_224 vovnet:ese_vovnet19b_slim_dw xception:xception
    xception_aligned:xception41p xcit:xcit_nano_12_p8_224
"""
_SECONDS = 300


def main(argv: Sequence[str] | None = None) -> int:
    """Read what is asked for, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.families", description=__doc__)
    parser.add_argument("--only", help="a single model of timm")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if importlib.util.find_spec("timm") is None:
        parser.error("timm is missing: pip install timm==1.0.31")
    if args.inner:
        print(json.dumps(_read(args.only)))
        return 0
    names = [args.only] if args.only else [entry.partition(":")[2] for entry in FAMILIES.split()]
    rows = []
    for name in names:
        rows.append(apart("benchmarks.families", name, _SECONDS))
        print(f"{name}: {rows[-1]['state']}", file=sys.stderr)
    print(markdown(["model", "field", "seconds", "verdict"], [_shown(row) for row in rows]))
    print(
        ", ".join(f"{count} {state}" for state, count in Counter(row["state"] for row in rows).most_common())
    )
    return 0


def apart(module: str, name: str, seconds: float) -> dict[str, Any]:
    """Return what a module of this package finds of a model in a process of its own."""
    command = [sys.executable, "-m", module, "--inner", "--only", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"name": name, "state": "too large for this script"}
    try:
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"name": name, "state": "crashed", "why": done.stderr[-200:]}
    return found


def features(name: str) -> Any:
    """Return a model of timm, weights at random, whose outputs are its features; `model` is the whole."""
    import timm
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = timm.create_model(name, pretrained=False).eval()

        def forward(self, x: Any) -> Any:
            return self.model.forward_features(x)

    return Features()


def _read(name: str) -> dict[str, Any]:
    """Return the field of the features of a model, and whether gradients agree."""
    module = features(name)
    size = module.model.pretrained_cfg.get("input_size", (3, 224, 224))
    start = time.perf_counter()
    try:
        read = em.from_torch(module, (1, *size))
        field = em.receptive_field(read).size
    except Exception as error:
        return {"name": name, "state": "refused", "why": str(error)[:300]}
    found = {"name": name, "field": str(field), "seconds": time.perf_counter() - start}
    try:
        compared = em.verify(read, units=2)
    except Exception as error:
        return {**found, "state": "not verified", "why": str(error)[:300]}
    return {**found, "state": "right" if compared.ok else "smaller" if compared.is_inside else "WRONG"}


def _shown(row: dict[str, Any]) -> list[str]:
    seconds = f"{row['seconds']:.1f}" if "seconds" in row else ""
    return [
        row["name"],
        row.get("field", ""),
        seconds,
        row["state"] + (f": {row['why']}" if "why" in row else ""),
    ]


if __name__ == "__main__":
    sys.exit(main())
