"""CelebA (Liu et al. 2015), as image files. Light: no torch, no numpy."""

from __future__ import annotations

from ganzoo.data.named import NamedSet, find_image_files

FOLDERS = ("celeba", "celeba-64", "img_align_celeba", "CelebA")

celeba = NamedSet(
    name="celeba",
    licence="non-commercial research only (CelebA agreement)",
    source="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    read=lambda request: find_image_files(request.root, FOLDERS, ("celeba", "img_align_celeba")),
    files="img_align_celeba.zip, img_align_celeba/*.jpg or celeba*.zip, in celeba/; get it from "
    "the page of CelebA after reading its agreement",
)
