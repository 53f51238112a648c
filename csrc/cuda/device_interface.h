/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libtektite_cuda.so offers to the engine that opens it: one symbol, tektite_cuda_functions, which
 * returns a table of functions. Plain structs and C functions, so that nothing of one library's C++ crosses to
 * the other; no exception crosses either. Only the engine's loader uses this header: hosts see
 * tektite/device_potential.hpp or the C ABI.
 *
 * Units: eV, angstrom. Functions return 0 or a value of tektite::ErrorCode; last_error() of the same thread
 * then says why, in a sentence that is fit for users.
 */
#ifndef TEKTITE_CUDA_DEVICE_INTERFACE_H
#define TEKTITE_CUDA_DEVICE_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

#include "tektite/tektite.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever anything below changes. */
#define TEKTITE_CUDA_INTERFACE_VERSION 3

typedef struct tektite_cuda_model tektite_cuda_model;
typedef struct tektite_cuda_workspace tektite_cuda_workspace;

typedef tektite_device_options tektite_cuda_options;
typedef tektite_open_cluster tektite_cuda_open_cluster;

typedef struct {
    /* Version of Tektite ("0.5.0"): both sides must be of one build. */
    const char* version;
    /* "CUDA 13.0, sm_80 sm_90 PTX", or "host executor (for tests)". */
    const char* build;
    /* Message of the last failure in this thread; valid until the next call. */
    const char* (*last_error)(void);
    /* Number of devices; fails with `unsupported` if there is no driver or none that is new enough. */
    tektite_status (*device_count)(int* count);
    /* "NVIDIA H200, sm_90, 132 multiprocessors, device 0"; at most `size` bytes with the final zero. */
    tektite_status (*device_name)(int device, char* name, size_t size);

    /* Reads a .mlip or .yace file and puts its tables on the device (those of a precision when the first
     * workspace needs them). Fails at once with `unsupported` if a part of the model is missing here. */
    tektite_status (*model_load)(const char* path, const tektite_cuda_options* options,
                                 tektite_cuda_model** model);
    /* NULL is allowed. Workspaces keep what they need of a model: the order of freeing does not matter. */
    void (*model_free)(tektite_cuda_model* model);

    /* precision: TEKTITE_DOUBLE or TEKTITE_MIXED. */
    tektite_status (*workspace_create)(const tektite_cuda_model* model, int precision,
                                       tektite_cuda_workspace** workspace);
    void (*workspace_free)(tektite_cuda_workspace* workspace);
    /* Valid until the next call with this workspace. */
    const char* (*workspace_description)(tektite_cuda_workspace* workspace);
    /* Bytes on the device now: list, positions, results, scratch; without the model's tables. */
    size_t (*workspace_memory)(const tektite_cuda_workspace* workspace);

    /* Results are added, and only if all went well: after a failure the arrays are as they were. */
    tektite_status (*evaluate_open)(tektite_cuda_workspace* workspace,
                                    const tektite_cuda_open_cluster* cluster, const tektite_results* results);
    tektite_status (*evaluate_cluster)(tektite_cuda_workspace* workspace, const tektite_cluster* cluster,
                                       const tektite_results* results);
    /* See tektite::DevicePotential::closest_pairs. [n_elements][n_elements] each. */
    tektite_status (*closest_pairs)(tektite_cuda_workspace* workspace, double* distances, int32_t* centers);
    /* See tektite::DevicePotential::atom_beyond_skin. */
    tektite_status (*atom_beyond_skin)(const tektite_cuda_workspace* workspace, int64_t* atom);
} tektite_cuda_function_table;

/* The table, or NULL if the library does not speak this version of the interface. The type of the one symbol
 * that the library exports, to be found by name: "tektite_cuda_functions". */
typedef const tektite_cuda_function_table* (*tektite_cuda_functions_type)(int interface_version);
TEKTITE_API const tektite_cuda_function_table* tektite_cuda_functions(int interface_version);

#ifdef __cplusplus
}
#endif

#endif
