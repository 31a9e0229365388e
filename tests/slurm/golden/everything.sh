#!/bin/bash

# Parameters
#SBATCH --account=speech
#SBATCH --constraint='a100|h100'
#SBATCH --cpus-per-task=6
#SBATCH --error=FOLDER/%j_0_log.err
#SBATCH --exclusive
#SBATCH --gpus-per-node=8
#SBATCH --job-name=asr-default
#SBATCH --mail-type=END,FAIL
#SBATCH --mail-user=me@example.org
#SBATCH --mem=480GB
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --open-mode=append
#SBATCH --output=FOLDER/%j_0_log.out
#SBATCH --partition=gpu
#SBATCH --qos=long
#SBATCH --requeue
#SBATCH --signal=USR2@300
#SBATCH --time=1440
#SBATCH --wckey=submitit

# setup
module load cuda
export NCCL_DEBUG=WARN

# command
export SUBMITIT_EXECUTOR=slurm
srun --unbuffered --output FOLDER/%j_%t_log.out --error FOLDER/%j_%t_log.err --cpus-per-task=6 '--container-image=nvcr.io#nvidia/pytorch' --container-mounts=/data:/data apptainer exec --nv 'my image.sif' python -u -m submitit.core._submit FOLDER
