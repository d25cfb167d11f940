#!/bin/bash
# A sweep by MPI processes on two hosts against one process: the same bytes. The hosts are two
# network namespaces with a link between them, each with a host name of its own; nothing but TCP over
# that link joins them. Needs root, iproute2 and Open MPI.
#
#   sudo mpi_two_hosts.sh PROGRAM MPI_PROGRAM FOLDER
set -u
scripts=$(dirname "$(readlink -f "$0")")
program=$1 mpi_program=$2 folder=$3
here=$$
one=tessera-$here-1 two=tessera-$here-2
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" || exit 1
trap 'ip netns delete $one 2> /dev/null; ip netns delete $two 2> /dev/null' EXIT

ip netns add $one && ip netns add $two || exit 1
ip link add tess${here}a netns $one type veth peer name tess${here}b netns $two || exit 1
for end in "$one tess${here}a 10.213.7.1" "$two tess${here}b 10.213.7.2"; do
  read -r space link address <<< "$end"
  ip -n "$space" address add "$address/24" dev "$link"
  ip -n "$space" link set lo up
  ip -n "$space" link set "$link" up
done

# What ssh would do: run a command on the host with that address.
cat > remote_shell <<SHELL
#!/bin/bash
while [[ \$1 == -* ]]; do shift; done
case \$1 in 10.213.7.1) space=$one name=one ;; 10.213.7.2) space=$two name=two ;; *) exit 1 ;; esac
shift
exec ip netns exec \$space unshare --uts sh -c "hostname \$name; \$*"
SHELL
chmod +x remote_shell
cp "$scripts/small.yaml" . || exit 1
axes=(--vary seed=1..40 --vary engine.policy.max_num_seqs=2,0,4 --quiet)
"$program" sweep small.yaml "${axes[@]}" -o reference > reference.out 2> reference.err
ip netns exec $one unshare --uts sh -c 'hostname one; exec "$@"' run \
  mpirun --allow-run-as-root --oversubscribe -n 4 -H 10.213.7.1:2,10.213.7.2:2 --map-by node \
  --mca plm_rsh_agent "$folder/remote_shell" --mca btl tcp,self --mca pml ob1 \
  --mca btl_tcp_if_include 10.213.7.0/24 --mca oob_tcp_if_include 10.213.7.0/24 \
  bash -c 'hostname >> hosts; exec "$@"' run "$mpi_program" sweep small.yaml "${axes[@]}" -o hosts_two \
  > two.out 2> two.err
status=$?
[ $status -eq 2 ] || { echo "two hosts ended with $status"; cat two.err; exit 1; }
[ "$(sort hosts | uniq -c | tr -s ' \n' ' ')" = " 2 one 2 two " ] || { echo "the hosts were:"; cat hosts; exit 1; }
diff -r --exclude=manifest.json reference hosts_two || exit 1
echo "two processes on each of two hosts: the same bytes"
cd / && rm -rf "$folder"
