/* What the sources of the extension share. */
#ifndef SHMRING_PYTHON_H
#define SHMRING_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Memory that grows, and is kept from one record to the next. */
typedef struct {
  unsigned char* bytes;
  size_t used, capacity;
} Room;

/* Readies what encode_fields needs. Returns 0, or -1 with a Python error. */
int prepare_fields(void);

/* Encodes a dict as fields (see shmring.h) into the room, which is emptied before. Returns 0, or -1 with a Python error that
 * names the key. */
int encode_fields(PyObject* dict, Room* room);

/* Returns the type Producer, or NULL with a Python error. */
PyObject* new_producer_type(void);

/* Raises shmring.Error for a -errno of the library. Returns NULL. */
PyObject* raise_error(int code, const char* text);

#endif
