#!/bin/sh
# Installs the agent that lies beside this script on Amazon Linux 2023, as root: on a host and in the image alike.
#   python3.11 -m zipfile -e planb-agent.zip /opt/planb/app && sh /opt/planb/app/install.sh
# The archive brings every Python package (each checked against the lock file's hash). What it cannot bring is MySQL's own
# client: Amazon Linux has MariaDB's only (docs/adr/0030), so that comes from MySQL's repository, one exact version,
# signed by the one key whose fingerprint stands here. A renewed key keeps its fingerprint, so its renewal breaks nothing.
set -eu
CLIENT=mysql-community-client-8.4.8-1.el9
REPOSITORY='https://repo.mysql.com/yum/mysql-8.4-community/el/9/$basearch/'
KEY=https://repo.mysql.com/RPM-GPG-KEY-mysql-2025
FINGERPRINT=BCA43417C3B485DD128EC6D4B7B3B788A8D3785C
: "${ETC:=/etc}" "${BIN:=/usr/local/bin}"

fail() {
  echo "planb: $*" >&2
  exit 1
}

app=$(cd "$(dirname "$0")" && pwd)
here=$(dirname "$app")
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check --no-index \
  --find-links "$app/wheels" --require-hashes -r "$app/requirements.lock"

complete() {
  command -v mysql > /dev/null && command -v mysqlbinlog > /dev/null &&
    mysqldump --no-defaults --help 2> /dev/null | grep -q -- --set-gtid-purged
}
if ! complete; then
  key="$ETC/pki/rpm-gpg/RPM-GPG-KEY-planb-mysql"
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  curl --silent --show-error --fail --location --proto =https --tlsv1.2 --retry 5 --output "$scratch/key" "$KEY"
  # One primary key in the file, and that one: rpm would trust every key that it holds.
  found=$(GNUPGHOME="$scratch" gpg --batch --with-colons --show-keys "$scratch/key" |
    awk -F: '$1 == "pub" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }')
  [ "$found" = "$FINGERPRINT" ] || fail "$KEY is not MySQL's release key ($FINGERPRINT): found ${found:-none}"
  install -m 0644 "$scratch/key" "$key"
  cat > "$ETC/yum.repos.d/planb-mysql.repo" << END
[planb-mysql]
name=MySQL's client, for PlanB's agent
baseurl=$REPOSITORY
enabled=0
gpgcheck=1
gpgkey=file://$key
sslverify=1
module_hotfixes=1
END
  dnf --quiet --assumeyes --enablerepo=planb-mysql install "$CLIENT"
  complete || fail "no mysql, mysqlbinlog and mysqldump of MySQL 8.0 or newer here after installing $CLIENT"
fi

printf '#!/bin/sh\nPYTHONPATH=%s PYTHONDONTWRITEBYTECODE=1 exec %s -m restore.agent "$@"\n' \
  "$app" "$here/venv/bin/python" > "$BIN/planb-agent"
chmod 0755 "$BIN/planb-agent"
