"""Archives that depend only on the files in them, and checksums.

    pack.py pack FOLDER ARCHIVE    FOLDER and what is in it, as .tar.gz or .zip
    pack.py unpack ARCHIVE FOLDER
    pack.py sums FOLDER            FOLDER/SHA256SUMS of all files below it

Names are sorted, nobody owns a file, and each has the time SOURCE_DATE_EPOCH. Programs can be run.
"""

import gzip
import hashlib
import os
import pathlib
import stat
import sys
import tarfile
import time
import zipfile


def files(folder):
    found = [file for file in folder.rglob("*") if file.is_file()]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def mode(file):
    """Whether it can be run is taken over, and nothing else: a umask is the machine's own."""
    runs = file.suffix == ".exe" or file.stat().st_mode & stat.S_IXUSR
    return 0o755 if runs else 0o644


def pack(folder, archive):
    date = int(os.environ["SOURCE_DATE_EPOCH"])
    if archive.suffix == ".zip":
        # Times before 1980 cannot be expressed.
        moment = max(time.gmtime(date)[:6], (1980, 1, 1, 0, 0, 0))
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for file in files(folder):
                name = f"{folder.name}/{file.relative_to(folder).as_posix()}"
                entry = zipfile.ZipInfo(name, moment)
                entry.create_system = 3  # Unix, whose modes follow.
                entry.external_attr = (stat.S_IFREG | mode(file)) << 16
                packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
        return
    with (
        open(archive, "wb") as raw,
        # Without a name, and with a fixed time, in the header.
        gzip.GzipFile("", "wb", 9, raw, date) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as packed,
    ):
        for file in files(folder):
            entry = tarfile.TarInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            entry.size = file.stat().st_size
            entry.mtime = date
            entry.mode = mode(file)
            with open(file, "rb") as content:
                packed.addfile(entry, content)


def unpack(archive, folder):
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                file = pathlib.Path(packed.extract(entry, folder))
                file.chmod(stat.S_IMODE(entry.external_attr >> 16))
        return
    with tarfile.open(archive) as packed:
        packed.extractall(folder)


def sums(folder):
    listed = folder / "SHA256SUMS"
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}\n"
        for file in files(folder)
        if file != listed
    ]
    listed.write_text("".join(lines), newline="\n")


def main(command, *paths):
    {"pack": pack, "unpack": unpack, "sums": sums}[command](*map(pathlib.Path, paths))


main(*sys.argv[1:])
