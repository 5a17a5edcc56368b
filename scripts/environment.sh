# Sourced by the scripts beside it: finds a Python and keeps private environments below .cache, one for each purpose.
# Bash only; needs nothing but Python 3.11+ with venv.

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
chosen_environment="${FILEWARDEN_VENV:-}"
unset FILEWARDEN_VENV MCP_ROOT # neither is meant for the servers that are started from here
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$(basename "$0"): $*"
    exit 1
}

find_python() {
    local candidate
    for candidate in ${FILEWARDEN_PYTHON:-} python3.13 python3.12 python3.11 python3 python3.14 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# digest_of PYTHON FILE_OR_FOLDER...: one short digest of their contents and names.
digest_of() {
    "$1" -I - "${@:2}" <<'PYTHON'
import hashlib, os, sys

digest = hashlib.sha256(sys.version.encode())
for given in sys.argv[1:]:
    found = [given]
    if os.path.isdir(given):
        walk = os.walk(given)
        found = [os.path.join(at, name) for at, _, names in walk for name in names if not name.endswith(".pyc")]
    for path in sorted(found):
        with open(path, "rb") as file:
            digest.update(path.encode() + b"\0" + hashlib.sha256(file.read()).digest())
print(digest.hexdigest()[:16])
PYTHON
}

make_environment() {
    local python="$1" place="$2"
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "$python cannot make environments: its venv module is missing. On Debian or Ubuntu: apt install python3-venv"
    rm -rf "$place"
    mkdir -p "$(dirname "$place")"
    "$python" -m venv "$place" || fail "no environment could be made in $place (see above)"
}

# prepare runtime|development: sets `environment` to a folder whose bin/ has everything, making it when it is not there.
prepare() {
    local purpose="$1" python key sources stamp
    python="$(find_python)" ||
        fail "no Python 3.11 or newer was found. Install one (Debian or Ubuntu: apt install python3 python3-venv)" \
            "or name it: FILEWARDEN_PYTHON=/path/to/python3"
    key="$(digest_of "$python" "$repository/pyproject.toml")"
    environment="${chosen_environment:-$repository/.cache/venv-$purpose}"
    stamp="$environment/filewarden-$purpose"
    mkdir -p "$(dirname "$environment")"
    if command -v flock >/dev/null 2>&1; then # two starts at once must not build the same environment
        exec 9>"$environment.lock"
        flock 9
    fi
    if [[ "$(cat "$stamp.key" 2>/dev/null)" != "$key" || ! -x "$environment/bin/python" ]]; then
        say "Setting up $environment (once) ..."
        if [[ -n "$chosen_environment" && -x "$environment/bin/python" ]]; then
            rm -f "$stamp.key"
        else
            make_environment "$python" "$environment"
        fi
        "install_$purpose" || fail "the packages could not be installed (see above): is the network there?"
        rm -f "$stamp.sources"
        printf '%s\n' "$key" >"$stamp.key"
    fi
    if [[ "$purpose" == runtime ]]; then
        sources="$(digest_of "$python" "$repository"/{broker,config,transports,workers})"
        if [[ "$(cat "$stamp.sources" 2>/dev/null)" != "$sources" ]]; then
            install_ours || fail "filewarden could not be installed (see above)"
            printf '%s\n' "$sources" >"$stamp.sources"
        fi
    fi
    exec 9>&- || true
}

# An older pip writes a command that loads `re` before anything of ours, which delays each start by 4 ms.
install_runtime() {
    "$environment/bin/python" -m pip install --quiet --upgrade "pip>=24.2"
    "$environment/bin/python" - "$repository/pyproject.toml" >"$environment/requirements.txt" <<'PYTHON'
import sys, tomllib

with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)
print(*project["project"]["dependencies"], *project["build-system"]["requires"], sep="\n")
PYTHON
    "$environment/bin/python" -m pip install --quiet --requirement "$environment/requirements.txt"
}

# From a copy: setuptools would otherwise leave build/ behind, and pack from it what has been deleted since.
install_ours() {
    local copy
    copy="$(mktemp -d)"
    cp -R "$repository"/{pyproject.toml,README.md,LICENSE,broker,config,transports,workers} "$copy"
    "$environment/bin/python" -m pip install --quiet --no-deps --no-build-isolation --force-reinstall "$copy" ||
        { rm -rf "$copy"; return 1; }
    rm -rf "$copy"
}

install_development() {
    "$environment/bin/python" -m pip install --quiet --editable "$repository[dev]"
}
