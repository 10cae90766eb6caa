"""Builds the programs of the benchmarks, and installs what the references and rivals need, below target/bench-env."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
C_PROGRAMS = ["uncontended", "contend", "pingpong", "names", "opening", "objects", "death", "queue", "release", "timer", "mapping"]


class Environment:
    """Where things are, once prepared: the libraries of the tree `root`, which stand in `built`. A rival that cannot be had is told of and left
    out; a reference must be there."""

    def __init__(self, built, rivals, root=ROOT, folder=ROOT / "target" / "bench-env"):
        self.root = root
        self.built = built.resolve()
        self.folder = folder
        self.prefix = self.folder / "prefix"
        self.venv = self.folder / "venv"
        self.python = self.venv / "bin" / "python"
        self.node = self.folder / "node"
        self.iceoryx2 = self.folder / "iceoryx2" / "release" / "byname-bench-iceoryx2"
        self.rivals = rivals

    def prepare(self, names):
        """Prepares what the programs of these names need."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if names & set(C_PROGRAMS):
            self.prepare_c(names)
        if "python" in names:
            self.prepare_python()
        if "node" in names:
            self.prepare_node()
        if "iceoryx2" in names and self.rivals:
            self.rival(
                "iceoryx2",
                "cargo",
                "build",
                "--quiet",
                "--locked",
                "--release",
                "--manifest-path",
                BENCH / "iceoryx2" / "Cargo.toml",
                "--target-dir",
                self.folder / "iceoryx2",
            )

    def prepare_c(self, names):
        must("bash", self.root / "tools" / "install-c.sh", self.prefix, self.built)
        flags = [
            "-I",
            self.prefix / "include",
            "-L",
            self.prefix / "lib",
            f"-Wl,-rpath,{self.prefix / 'lib'}",
            "-lbyname",
            "-pthread",
            "-lrt",
        ]
        boost = self.prepare_boost() if self.rivals or "queue" in names else None  # of W6 it is the reference
        if boost:
            flags = ["-DHAVE_BOOST=1", boost, *flags, "-lstdc++"]
        for program in sorted(names & set(C_PROGRAMS)):
            must(
                "cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.folder / program, BENCH / "c" / f"{program}.c", *flags
            )

    def prepare_boost(self):
        """The object file behind boost.h. The headers are the system's, or are unpacked from its package without installing it."""
        unpacked, made = self.folder / "boost", self.folder / "boost.o"
        header = "boost/interprocess/sync/named_mutex.hpp"
        if not (Path("/usr/include") / header).exists() and not (unpacked / "usr/include" / header).exists():
            unpacked.mkdir(exist_ok=True)
            fetch = 'package=$(apt-cache depends libboost-dev | sed -n "s/ *Depends: //p") && apt-get download "$package" && dpkg -x "$package"_*.deb .'
            if not self.rival("Boost", "bash", "-c", fetch, cwd=unpacked):
                return None
        command = ["c++", "-std=c++17", "-O2", "-c", "-isystem", unpacked / "usr/include", "-o", made, BENCH / "c" / "boost.cpp"]
        return made if self.rival("Boost", *command) else None

    def prepare_python(self):
        if not self.python.exists():
            must(sys.executable, "-m", "venv", self.venv)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        packages = next((self.venv / "lib").glob("python3*")) / "site-packages"
        if not list(packages.glob("posix_ipc*")):
            must(*pip, "posix_ipc")
        for rival in ["fasteners", "filelock", "portalocker"] if self.rivals else []:
            if not (packages / rival).exists():
                self.rival(rival, *pip, rival)
        shutil.copytree(self.root / "bindings-python" / "python" / "byname", packages / "byname", dirs_exist_ok=True)
        replace(self.built / "lib_byname.so", packages / "byname" / "_byname.abi3.so")

    def prepare_node(self):
        package = self.node / "node_modules" / "byname"
        self.node.mkdir(exist_ok=True)
        (self.node / "package.json").write_text('{ "private": true }\n')
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-save"]
        wanted = ["koffi", "os-lock", *(["fs-ext", "proper-lockfile"] if self.rivals else [])]
        if not all((self.node / "node_modules" / name).exists() for name in wanted):
            must(*install, *wanted, cwd=self.node)
        for compiled in "os-lock", "fs-ext":  # what was not compiled on installation is compiled now
            if compiled in wanted and not self.loads(compiled):
                self.rival(compiled, "npm", "rebuild", compiled, cwd=self.node)
        shutil.rmtree(package, ignore_errors=True)
        shutil.copytree(
            self.root / "bindings-node", package, ignore=shutil.ignore_patterns("src", "node_modules", "*.node", "*.rs", "Cargo.toml")
        )
        for addon in addon_names():
            replace(self.built / "libbyname_node.so", package / addon)

    def loads(self, module):
        return subprocess.run(["node", "-e", f"require('{module}')"], cwd=self.node, capture_output=True).returncode == 0

    def rival(self, name, *command, **options):
        """A step that a rival needs; when it fails the rival is left out, and why is told."""
        done = run(command, **options)
        if done.returncode != 0:
            lines = done.stdout.strip().splitlines() or ["no message"]
            print(f"not measured: {name} ({' '.join(map(str, command[:3]))}: {lines[-1]})", file=sys.stderr)
        return done.returncode == 0


def of_commit(commit, profile):
    """The environment of another commit of this repository: its libraries, measured by the programs of this tree."""
    found = run(["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"], cwd=ROOT)
    if found.returncode != 0:
        sys.exit(f"BASE={commit} is no commit of this repository; a shallow clone has only its newest: git fetch --unshallow")
    home = ROOT / "target" / "bench-base"
    tree, target = home / "tree", home / "target"
    shutil.rmtree(tree, ignore_errors=True)
    packed = subprocess.run(["git", "archive", found.stdout.strip()], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(tree, filter="data")
    packages = [argument for name in ("c", "python", "node", "bench") for argument in ("-p", f"byname-{name}")]
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--profile", profile, *packages, "--target-dir", target], cwd=tree, check=True)
    return Environment(target / profile, rivals=False, root=tree, folder=home / "env")


def addon_names():
    """The names under which the Node package looks for its addon on this machine."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return [f"byname.linux-{machine}-gnu.node"]


def replace(source, destination):
    """Copies to a new inode, so that a process which has the old file loaded keeps it."""
    fresh = destination.with_name(destination.name + ".new")
    shutil.copyfile(source, fresh)
    fresh.replace(destination)


def must(*command, **options):
    """A step without which nothing can be measured; shows what it said only when it fails."""
    done = run(command, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


def run(command, **options):
    return subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
