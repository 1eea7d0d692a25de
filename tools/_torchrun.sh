# Source this file with the command in "$@", this folder in $tools and the processes a machine in $processes.

nodes="${NNODES:-1}"
if [ -z "${PORT:-}" ]; then
    PORT=29500  # the same on all machines; a single machine uses any free port
    if [ "$nodes" = 1 ]; then
        PORT="$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    fi
fi
# The default of torchrun, which would print a notice.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec python "$tools/_torchrun.py" --nnodes "$nodes" --node_rank "${NODE_RANK:-0}" \
    --nproc_per_node "$processes" --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "$PORT" "$@"
