/* The extension module: Producer, Error, and functions on rings. */
#include <shmring/shmring.h>
#include <string.h>

#include "_shmring.h"

static PyObject* error_type; /* shmring.Error, an OSError */

PyObject* raise_error(int code, const char* text) {
  PyObject* arguments = Py_BuildValue("(is)", -code, text);
  if (arguments == NULL) return NULL;
  PyErr_SetObject(error_type, arguments);
  Py_DECREF(arguments);
  return NULL;
}

static PyObject* module_create(PyObject* module, PyObject* arguments, PyObject* keywords) {
  static char* names[] = {"ring",       "on_full", "slots", "slot_bytes", "lanes", "producers",
                          "max_record", "wait_us", "mode",  "group",      NULL};
  const char *ring, *on_full = "drop", *policies[] = {"drop", "overwrite", "wait", "hybrid"};
  shmring_create_options options;
  (void)module;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "s|$sIIIIIIIz:create", names, &ring, &on_full, &options.slots,
                                   &options.slot_bytes, &options.lanes, &options.producers, &options.max_record,
                                   &options.wait_us, &options.mode, &options.group))
    return NULL;
  while (options.on_full < 4 && strcmp(on_full, policies[options.on_full]) != 0) ++options.on_full;
  if (options.on_full == 4)
    return PyErr_Format(PyExc_ValueError, "on_full '%s' is not drop, overwrite, wait or hybrid", on_full);
  const int code = shmring_create(ring, &options);
  if (code != 0) return raise_error(code, shmring_last_error());
  Py_RETURN_NONE;
}

static PyObject* module_unlink(PyObject* module, PyObject* arguments) {
  const char* ring;
  (void)module;
  if (!PyArg_ParseTuple(arguments, "s:unlink", &ring)) return NULL;
  const int code = shmring_unlink(ring);
  if (code != 0) return raise_error(code, shmring_last_error());
  Py_RETURN_NONE;
}

static PyObject* module_strerror(PyObject* module, PyObject* code) {
  (void)module;
  const long value = PyLong_AsLong(code);
  return PyErr_Occurred() ? NULL : PyUnicode_FromString(shmring_strerror((int)value));
}

static PyMethodDef module_functions[] = {
    {"create", (PyCFunction)(void (*)(void))module_create, METH_VARARGS | METH_KEYWORDS,
     "create(ring, *, on_full='drop', slots=0, slot_bytes=0, lanes=0, producers=0, max_record=0, wait_us=0, mode=0, "
     "group=None)\n--\n\nCreates a ring. 0: the default, as in shmring.h."},
    {"unlink", module_unlink, METH_VARARGS, "unlink(ring, /)\n--\n\nRetires a ring and removes its name."},
    {"strerror", module_strerror, METH_O, "strerror(code, /)\n--\n\nReturns a text for a result or a Condition."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_shmring", NULL, -1, module_functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__shmring(void) {
  PyObject* module = PyModule_Create(&definition);
  if (module == NULL) return NULL;
  PyObject* producer = new_producer_type();
  error_type = PyErr_NewExceptionWithDoc("shmring.Error", "A call that failed, with errno and a text that says what to do.",
                                         PyExc_OSError, NULL);
  const int failed = producer == NULL || error_type == NULL || prepare_fields() != 0 ||
                     PyModule_AddObjectRef(module, "Producer", producer) != 0 ||
                     PyModule_AddObjectRef(module, "Error", error_type) != 0 ||
                     PyModule_AddIntConstant(module, "version", (long)shmring_version()) != 0;
  Py_XDECREF(producer);
  if (!failed) return module;
  Py_DECREF(module);
  return NULL;
}
