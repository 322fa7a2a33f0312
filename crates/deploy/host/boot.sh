#!/bin/bash
# User data of the streaming host. The template's Fn::Sub fills in the three lines below and nothing else may look like
# them. It runs once, at the first boot, and stays the same from release to release: whatever may change is in the
# parameter store, from where this fetches the host's own program.
set -euo pipefail
umask 077

# shellcheck disable=SC2016 # Not bash's.
name='${Name}'
# shellcheck disable=SC2016
region='${AWS::Region}'
# shellcheck disable=SC2016
stack='${AWS::StackName}'

say() { echo "dragoman: $*"; }

# The first other disk is the data disk: what is on it stays, an empty one gets a file system.
data_disk() {
    local root disk
    root=$(lsblk -snpo NAME,TYPE "$(findmnt -no SOURCE /)" | awk '$2 == "disk" { print $1; exit }')
    while read -r disk; do
        [[ $disk != "$root" && -b $disk ]] || continue
        # Parts, or a mount, or a disk that is gone with the machine: not ours.
        [[ $(lsblk -no NAME "$disk" | wc -l) == 1 && -z $(lsblk -no MOUNTPOINTS "$disk") ]] || continue
        lsblk -dno MODEL "$disk" | grep -q 'Instance Storage' && continue
        echo "$disk"
        return
    done < <(lsblk -dnpo NAME,TYPE | awk '$2 == "disk" { print $1 }')
}

mount_data() {
    local disk='' _
    mkdir -p /var/lib/dragoman
    chmod 0711 /var/lib/dragoman
    mountpoint -q /var/lib/dragoman && return
    # A container sees the disks of the machine around it.
    if systemd-detect-virt --quiet --container; then
        say 'a container: data stays on its own disk'
        return
    fi
    # It may be attached a little after the start.
    for _ in $(seq 60); do
        disk=$(data_disk)
        [[ -z $disk ]] || break
        sleep 2
    done
    if [[ -z $disk ]]; then
        say 'WARNING: no data disk: recordings and artifacts stay on the root disk and go with the machine'
        return
    fi
    [[ -n $(blkid -o value -s TYPE "$disk") ]] || mkfs.ext4 -q -L dragoman "$disk"
    echo "UUID=$(blkid -o value -s UUID "$disk") /var/lib/dragoman auto nofail,x-systemd.device-timeout=30s 0 2" >>/etc/fstab
    systemctl daemon-reload
    mount /var/lib/dragoman
    chmod 0711 /var/lib/dragoman
    say "data is on $disk"
}

install_packages() {
    local try
    export DEBIAN_FRONTEND=noninteractive
    for try in 1 2 3 4 5; do
        # What is here already needs no archive.
        apt-get install -qq --yes docker.io docker-compose iptables curl jq ca-certificates && return
        apt-get update -qq || true
        sleep "$try"
    done
    say 'the packages could not be installed'
    return 1
}

metadata() {
    printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token" |
        curl --silent --show-error --fail --max-time 5 --noproxy '*' --config - "http://169.254.169.254/latest/$1"
}

# The host's program out of the parameter store, with the credentials of the instance's role. They are in no command line.
fetch() {
    local work=$1 token role
    token=$(curl --silent --show-error --fail --max-time 5 --noproxy '*' --request PUT \
        --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
    role=$(metadata meta-data/iam/security-credentials/)
    {
        metadata "meta-data/iam/security-credentials/$role" |
            jq -er '"user = \"\(.AccessKeyId):\(.SecretAccessKey)\"\nheader = \"X-Amz-Security-Token: \(.Token)\""'
        printf 'aws-sigv4 = "aws:amz:%s:ssm"\n' "$region"
    } | curl --silent --show-error --fail --max-time 30 --config - --output "$work/answer" \
        --header 'Content-Type: application/x-amz-json-1.1' --header 'X-Amz-Target: AmazonSSM.GetParametersByPath' \
        --data "{\"Path\": \"/dragoman/$name/files/dragoman-host\"}" "https://ssm.$region.amazonaws.com/"
    jq -er '.Parameters | sort_by(.Name) | map(.Value) | add' "$work/answer" | base64 -d | gunzip >"$work/program"
    test -s "$work/program"
    bash -n "$work/program"
    install -m 0755 "$work/program" /usr/local/bin/dragoman-host
}

mount_data
install_packages
mkdir -p /etc/dragoman
printf 'NAME=%s\nREGION=%s\nSTACK=%s\n' "$name" "$region" "$stack" >/etc/dragoman/host.conf
work=$(mktemp -d -p /run)
trap 'rm -rf "$work"' EXIT
# Only this script runs at the first boot: it goes on until the store answers, or the stack's creation times out. In a
# shell of its own, where `set -e` holds.
until bash -c "set -euo pipefail; name=$name region=$region; $(declare -f metadata fetch); fetch $work"; do
    say 'the parameter store gave no program: once more in 5 s'
    sleep 5
done
/usr/local/bin/dragoman-host install
