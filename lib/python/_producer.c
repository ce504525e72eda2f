/* The type Producer, over the C interface in shmring.h.
 *
 * Invariants:
 *   - what a call refuses (a wrong type, text that is not Unicode, a key that is too long) raises before it takes a sequence;
 *   - a record that the ring refuses is no error of the program: write() returns the condition, and the log counts it;
 *   - the interpreter's lock is kept where a call never waits, and given up where it may (shmring_wait_us, wait_durable). Then
 *     a call of another thread on the same Producer finds that of the first under way, and returns NESTED. detach() refuses;
 *   - only the limited interface of Python 3.11 is used, so that one module serves all versions behind it. */
#include <errno.h>
#include <math.h>
#include <shmring/shmring.h>
#include <string.h>

#include "_shmring.h"

typedef struct {
  PyObject_HEAD shmring_producer* handle; /* NULL: detached */
  int waits;                              /* a write may wait for room */
  int under_way;                          /* calls that have given up the interpreter's lock */
  Room fields;
} Producer;

static PyObject *name_type_key, *name_severity, *name_kind, *name_correlation, *name_truncate, *name_payload;

/* The functions of a record's way set no text of their own. */
static PyObject* result_of(int code) { return code >= 0 ? PyLong_FromLong(code) : raise_error(code, shmring_strerror(code)); }
static PyObject* answer_of(int code) { return code >= 0 ? PyLong_FromLong(code) : raise_error(code, shmring_last_error()); }

static int is_attached(const Producer* self) {
  if (self->handle != NULL) return 1;
  PyErr_SetString(PyExc_ValueError, "this producer is detached");
  return 0;
}

/* ---------------------------------------------------------------------------------------------------------- a record */

typedef struct {
  PyObject* payload;
  PyObject *type, *severity, *kind, *correlation, *truncate; /* borrowed; NULL: not given */
} Arguments;

static PyObject** place_of(Arguments* arguments, PyObject* name) {
  const struct {
    PyObject* name;
    PyObject** place;
  } places[] = {{name_type_key, &arguments->type},     {name_severity, &arguments->severity},
                {name_kind, &arguments->kind},         {name_correlation, &arguments->correlation},
                {name_truncate, &arguments->truncate}, {name_payload, &arguments->payload}};
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) /* the compiler of Python interns names */
    if (name == places[i].name) return places[i].place;
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i)
    if (PyUnicode_Compare(name, places[i].name) == 0) return places[i].place;
  return NULL;
}

static int take_arguments(PyObject* const* given, Py_ssize_t count, PyObject* names, Arguments* out) {
  if (count > 3) {
    PyErr_Format(PyExc_TypeError, "write() takes payload, type and severity by position; %zd values were given", count);
    return -1;
  }
  out->payload = count > 0 ? given[0] : NULL;
  out->type = count > 1 ? given[1] : NULL;
  out->severity = count > 2 ? given[2] : NULL;
  for (Py_ssize_t i = 0, most = names == NULL ? 0 : PyTuple_Size(names); i < most; ++i) {
    PyObject* name = PyTuple_GetItem(names, i);
    PyObject** place = place_of(out, name);
    if (place == NULL || *place != NULL) {
      PyErr_Format(PyExc_TypeError, place == NULL ? "write() has no argument %R" : "write() has got %R twice", name);
      return -1;
    }
    *place = given[count + i];
  }
  if (out->payload != NULL) return 0;
  PyErr_SetString(PyExc_TypeError, "write() needs a payload");
  return -1;
}

static int take_number(PyObject* object, const char* name, unsigned long most, unsigned long* out) {
  if (object == NULL) return 0;
  const unsigned long value = PyLong_AsUnsignedLong(object);
  if (PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
    PyErr_Clear();
  } else if (value <= most) {
    *out = value;
    return 0;
  }
  PyErr_Format(PyExc_ValueError, "%s %R is not 0 to %lu", name, object, most);
  return -1;
}

static int take_correlation(PyObject* object, uint8_t out[16]) {
  if (object == NULL || object == Py_None) return 0;
  char* bytes;
  Py_ssize_t size;
  if (!PyBytes_Check(object) || PyBytes_AsStringAndSize(object, &bytes, &size) != 0 || size != 16) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_ValueError, "a correlation is 16 bytes; of 32 hex digits, bytes.fromhex makes them");
    return -1;
  }
  memcpy(out, bytes, 16);
  return 0;
}

static int take_meta(const Arguments* arguments, shmring_meta* meta) {
  unsigned long type = 0, severity = 0, kind = meta->kind;
  if (take_number(arguments->type, "type", 0xffffffff, &type) != 0 ||
      take_number(arguments->severity, "severity", 255, &severity) != 0 ||
      take_correlation(arguments->correlation, meta->correlation) != 0)
    return -1;
  if (arguments->kind != Py_None && take_number(arguments->kind, "kind", SHMRING_KIND_BYTES, &kind) != 0) return -1;
  const int truncates = arguments->truncate == NULL ? 0 : PyObject_IsTrue(arguments->truncate);
  if (truncates < 0) return -1;
  meta->type = (uint32_t)type, meta->severity = (uint8_t)severity, meta->kind = (uint8_t)kind;
  if (truncates) meta->flags = SHMRING_META_TRUNCATE;
  return 0;
}

static PyObject* write_bytes(Producer* self, const shmring_meta* meta, const void* bytes, size_t size) {
  int code;
  if (!self->waits) {
    code = shmring_write(self->handle, meta, bytes, size);
  } else {
    ++self->under_way;
    Py_BEGIN_ALLOW_THREADS code = shmring_write(self->handle, meta, bytes, size);
    Py_END_ALLOW_THREADS-- self->under_way;
  }
  return result_of(code);
}

static PyObject* write_fields(Producer* self, shmring_meta* meta, const Arguments* arguments) {
  meta->kind = SHMRING_KIND_FIELDS;
  /* Encoding a time may run Python code, and waiting gives up the lock: whoever comes meanwhile has a room of its own. */
  Room room = self->fields;
  self->fields = (Room){NULL, 0, 0};
  PyObject* result = NULL;
  if (take_meta(arguments, meta) == 0 && encode_fields(arguments->payload, &room) == 0 && is_attached(self))
    result = write_bytes(self, meta, room.bytes == NULL ? "" : (const char*)room.bytes, room.used);
  PyMem_Free(self->fields.bytes);
  self->fields = room;
  return result;
}

static PyObject* write_buffer(Producer* self, shmring_meta* meta, const Arguments* arguments) {
  Py_buffer view;
  meta->kind = SHMRING_KIND_BYTES;
  if (PyObject_GetBuffer(arguments->payload, &view, PyBUF_SIMPLE) != 0) {
    PyErr_SetString(PyExc_TypeError, "a payload is str (text), bytes or another contiguous buffer, or a dict (fields)");
    return NULL;
  }
  PyObject* result = NULL;
  if (take_meta(arguments, meta) == 0 && is_attached(self)) result = write_bytes(self, meta, view.buf, (size_t)view.len);
  PyBuffer_Release(&view);
  return result;
}

PyDoc_STRVAR(write_text,
             "write(payload, type=0, severity=0, *, kind=None, correlation=None, truncate=False)\n--\n\n"
             "Writes one record. Returns 0, or the Condition under which the log counts it as lost.\n\n"
             "A str is logged as text, bytes as bytes, and a dict as fields, whose values are int, bool, float, str, bytes\n"
             "and datetime with a time zone. `kind` says otherwise: Kind.JSON for text that is one JSON value.");
static PyObject* producer_write(PyObject* object, PyObject* const* given, Py_ssize_t count, PyObject* names) {
  Producer* self = (Producer*)object;
  Arguments arguments = {NULL, NULL, NULL, NULL, NULL, NULL};
  shmring_meta meta = {0, SHMRING_KIND_TEXT, 0, 0, {0}};
  if (take_arguments(given, count, names, &arguments) != 0 || !is_attached(self)) return NULL;
  if (PyUnicode_Check(arguments.payload)) {
    Py_ssize_t size;
    const char* text = PyUnicode_AsUTF8AndSize(arguments.payload, &size);
    if (text == NULL || take_meta(&arguments, &meta) != 0 || !is_attached(self)) return NULL;
    return write_bytes(self, &meta, text, (size_t)size);
  }
  if (PyDict_Check(arguments.payload)) return write_fields(self, &meta, &arguments);
  return write_buffer(self, &meta, &arguments);
}

/* ---------------------------------------------------------------------------------------------------------- a handle */

static int lane_of(const char* name) {
  const char* names[] = {"auto", "shared", "exclusive"};
  for (int i = 0; i < 3; ++i)
    if (strcmp(name, names[i]) == 0) return i;
  PyErr_Format(PyExc_ValueError, "lane '%s' is not auto, shared or exclusive", name);
  return -1;
}

static PyObject* producer_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static char* names[] = {"ring", "name", "owner", "lane", "wait_us", NULL};
  const char *ring, *lane = "auto";
  unsigned int wait_us = 0;
  shmring_attach_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "s|$zzsI:Producer", names, &ring, &options.name, &options.owner, &lane,
                                   &wait_us))
    return NULL;
  const int number = lane_of(lane);
  if (number < 0) return NULL;
  options.lane = (uint32_t)number, options.wait_us = wait_us;
  shmring_producer* handle;
  int code;
  Py_BEGIN_ALLOW_THREADS code = shmring_attach(ring, &options, &handle);
  Py_END_ALLOW_THREADS if (code != 0) return raise_error(code, shmring_last_error());
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  Producer* self = (Producer*)allocate(type, 0);
  if (self == NULL) {
    shmring_detach(handle);
    return NULL;
  }
  self->handle = handle;
  self->waits = shmring_wait_us(handle) != 0;
  return (PyObject*)self;
}

static void producer_dealloc(PyObject* object) {
  Producer* self = (Producer*)object;
  PyTypeObject* type = Py_TYPE(object);
  shmring_detach(self->handle);
  PyMem_Free(self->fields.bytes);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

PyDoc_STRVAR(detach_text,
             "detach($self, /)\n--\n\n"
             "Detaches. Every attempt is accounted for. Later calls raise ValueError.");
static PyObject* producer_detach(PyObject* object, PyObject* unused) {
  Producer* self = (Producer*)object;
  (void)unused;
  if (self->under_way != 0) {
    PyErr_SetString(PyExc_RuntimeError, "a call of this producer is under way in another thread; give each thread its own");
    return NULL;
  }
  shmring_detach(self->handle);
  self->handle = NULL;
  Py_RETURN_NONE;
}

static PyObject* producer_enter(PyObject* object, PyObject* unused) {
  (void)unused;
  Py_INCREF(object);
  return object;
}

static PyObject* producer_exit(PyObject* object, PyObject* arguments) {
  (void)arguments;
  return producer_detach(object, NULL);
}

PyDoc_STRVAR(name_type_text,
             "name_type($self, type, name, /)\n--\n\n"
             "Names a record type of the ring; the log then shows the name.");
static PyObject* producer_name_type(PyObject* object, PyObject* arguments) {
  Producer* self = (Producer*)object;
  unsigned int type;
  const char* name;
  if (!PyArg_ParseTuple(arguments, "Is:name_type", &type, &name) || !is_attached(self)) return NULL;
  const int code = shmring_name_type(self->handle, type, name);
  return answer_of(code);
}

PyDoc_STRVAR(wait_durable_text,
             "wait_durable($self, /, timeout=None, sequence=None)\n--\n\n"
             "Waits until all records up to `sequence` (None: all so far) are on the disk, for at most `timeout` seconds\n"
             "(None: without an end). Returns 0, or a Condition.");
static PyObject* producer_wait_durable(PyObject* object, PyObject* arguments, PyObject* keywords) {
  static char* names[] = {"timeout", "sequence", NULL};
  Producer* self = (Producer*)object;
  PyObject *timeout = Py_None, *sequence = Py_None;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO:wait_durable", names, &timeout, &sequence) || !is_attached(self))
    return NULL;
  uint64_t timeout_ns = UINT64_MAX, last = shmring_sequence(self->handle);
  if (timeout != Py_None) {
    const double seconds = PyFloat_AsDouble(timeout);
    if (PyErr_Occurred()) return NULL;
    if (!(seconds >= 0)) return PyErr_Format(PyExc_ValueError, "timeout %R is negative", timeout);
    if (seconds < 1e9) timeout_ns = (uint64_t)(seconds * 1e9);
  }
  if (sequence != Py_None) {
    last = PyLong_AsUnsignedLongLong(sequence);
    if (PyErr_Occurred()) return NULL;
  }
  int code;
  ++self->under_way;
  Py_BEGIN_ALLOW_THREADS code = shmring_wait_durable(self->handle, last, timeout_ns);
  Py_END_ALLOW_THREADS-- self->under_way;
  return answer_of(code);
}

static PyObject* get_sequence(PyObject* object, void* unused) {
  (void)unused;
  return PyLong_FromUnsignedLongLong(shmring_sequence(((Producer*)object)->handle));
}

static PyObject* get_incarnation(PyObject* object, void* unused) {
  (void)unused;
  return PyLong_FromUnsignedLongLong(shmring_incarnation(((Producer*)object)->handle));
}

static PyObject* get_ring_id(PyObject* object, void* unused) {
  uint8_t id[16];
  (void)unused;
  Producer* self = (Producer*)object;
  if (!is_attached(self)) return NULL;
  const int code = shmring_ring_id(self->handle, id);
  return code < 0 ? raise_error(code, shmring_last_error()) : PyBytes_FromStringAndSize((const char*)id, sizeof id);
}

static PyMethodDef producer_methods[] = {
    {"write", (PyCFunction)(void (*)(void))producer_write, METH_FASTCALL | METH_KEYWORDS, write_text},
    {"wait_durable", (PyCFunction)(void (*)(void))producer_wait_durable, METH_VARARGS | METH_KEYWORDS, wait_durable_text},
    {"name_type", producer_name_type, METH_VARARGS, name_type_text},
    {"detach", producer_detach, METH_NOARGS, detach_text},
    {"__enter__", producer_enter, METH_NOARGS, NULL},
    {"__exit__", producer_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef producer_values[] = {
    {"sequence", get_sequence, NULL, "The sequence of the last attempt, counted from 1.", NULL},
    {"incarnation", get_incarnation, NULL, "The number of this attachment, which is used only once in its ring.", NULL},
    {"ring_id", get_ring_id, NULL, "The identity of the ring, 16 bytes.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

PyDoc_STRVAR(producer_text,
             "Producer(ring, *, name=None, owner=None, lane='auto', wait_us=0)\n--\n\n"
             "One attachment to a ring. ONE THREAD AT A TIME uses it: each thread that writes makes its own.\n\n"
             "`name` is the producer's name in the log (None: the program's), `owner` a user whose rings are trusted as well,\n"
             "`lane` auto, shared or exclusive, and `wait_us`, if it is not 0, how long a write waits for room.");
static PyType_Slot producer_slots[] = {{Py_tp_doc, (void*)producer_text}, {Py_tp_new, producer_new},
                                       {Py_tp_dealloc, producer_dealloc}, {Py_tp_methods, producer_methods},
                                       {Py_tp_getset, producer_values},   {0, NULL}};
static PyType_Spec producer_spec = {"shmring.Producer", sizeof(Producer), 0, Py_TPFLAGS_DEFAULT, producer_slots};

static int prepare_names(void) {
  const struct {
    PyObject** place;
    const char* text;
  } names[] = {{&name_type_key, "type"},     {&name_severity, "severity"},       {&name_kind, "kind"},
               {&name_truncate, "truncate"}, {&name_correlation, "correlation"}, {&name_payload, "payload"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if ((*names[i].place = PyUnicode_InternFromString(names[i].text)) == NULL) return -1;
  return 0;
}

PyObject* new_producer_type(void) { return prepare_names() == 0 ? PyType_FromSpec(&producer_spec) : NULL; }
