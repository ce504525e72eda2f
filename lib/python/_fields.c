/* A dict of Python as the bytes of SHMRING_KIND_FIELDS, whose encoding shmring.h specifies.
 *
 * Invariant: what the collector would not accept as fields raises here, with the key in its text, before a sequence is
 * taken. */
#include <shmring/shmring.h>
#include <string.h>

#include "_shmring.h"

static PyObject *datetime_type, *epoch; /* 1970-01-01 00:00 UTC */

int prepare_fields(void) {
  PyObject* module = PyImport_ImportModule("datetime");
  if (module == NULL) return -1;
  PyObject* zone = PyObject_GetAttrString(module, "timezone");
  PyObject* utc = zone == NULL ? NULL : PyObject_GetAttrString(zone, "utc");
  datetime_type = PyObject_GetAttrString(module, "datetime");
  if (datetime_type != NULL && utc != NULL)
    epoch = PyObject_CallFunction(datetime_type, "iiiiiiiO", 1970, 1, 1, 0, 0, 0, 0, utc);
  Py_XDECREF(utc);
  Py_XDECREF(zone);
  Py_DECREF(module);
  return epoch == NULL ? -1 : 0;
}

static int make_room(Room* room, size_t more) {
  if (room->capacity - room->used >= more) return 0;
  size_t capacity = room->capacity == 0 ? 512 : room->capacity;
  while (capacity - room->used < more) capacity *= 2;
  unsigned char* bytes = PyMem_Realloc(room->bytes, capacity);
  if (bytes == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  room->bytes = bytes, room->capacity = capacity;
  return 0;
}

static int put(Room* room, enum shmring_field_type type, const char* key, size_t key_bytes, uint64_t number, unsigned n,
               const void* content, size_t content_bytes) {
  if (make_room(room, 2 + key_bytes + n + content_bytes) != 0) return -1;
  unsigned char* to = room->bytes + room->used;
  *to++ = (unsigned char)((unsigned)type | n << 4);
  *to++ = (unsigned char)key_bytes;
  memcpy(to, key, key_bytes);
  to += key_bytes;
  for (unsigned i = 0; i < n; ++i) *to++ = (unsigned char)(number >> 8 * i);
  if (content_bytes != 0) memcpy(to, content, content_bytes);
  room->used += 2 + key_bytes + n + content_bytes;
  return 0;
}

/* How many bytes a number needs, as the encoding counts them. */
static unsigned bytes_of(uint64_t value) {
  unsigned n = 0;
  for (; value != 0; value >>= 8) ++n;
  return n;
}
static unsigned signed_bytes_of(int64_t value) {
  const uint64_t magnitude = (uint64_t)(value ^ (value >> 63));
  return value == 0 ? 0 : bytes_of(magnitude << 1 | 1); /* and one bit for the sign */
}

static int put_signed(Room* room, enum shmring_field_type type, const char* key, size_t key_bytes, int64_t value) {
  return put(room, type, key, key_bytes, (uint64_t)value, signed_bytes_of(value), NULL, 0);
}

static int put_integer(Room* room, const char* key, size_t key_bytes, PyObject* value) {
  int overflow;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0) return number == -1 && PyErr_Occurred() ? -1 : put_signed(room, SHMRING_FIELD_INT, key, key_bytes, number);
  const unsigned long long large = overflow > 0 ? PyLong_AsUnsignedLongLong(value) : 0;
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Format(PyExc_ValueError, "field '%s': an integer of more than 64 bits; pass it as text", key);
    return -1;
  }
  return put(room, SHMRING_FIELD_UINT, key, key_bytes, large, bytes_of(large), NULL, 0);
}

static int attribute(PyObject* object, const char* name, long long* out) {
  PyObject* value = PyObject_GetAttrString(object, name);
  if (value == NULL) return -1;
  *out = PyLong_AsLongLong(value);
  Py_DECREF(value);
  return PyErr_Occurred() ? -1 : 0;
}

static int put_time(Room* room, const char* key, size_t key_bytes, PyObject* value) {
  PyObject* since = PyNumber_Subtract(value, epoch);
  if (since == NULL) {
    PyErr_Format(PyExc_ValueError, "field '%s': a time without a time zone; add one, for instance datetime.timezone.utc", key);
    return -1;
  }
  long long days, seconds, microseconds;
  const int failed = attribute(since, "days", &days) || attribute(since, "seconds", &seconds) ||
                     attribute(since, "microseconds", &microseconds);
  Py_DECREF(since);
  if (failed) return -1;
  if (days < -106751 || days > 106750) { /* what 64 bits of nanoseconds hold */
    PyErr_Format(PyExc_ValueError, "field '%s': a time outside the years 1677 to 2262", key);
    return -1;
  }
  return put_signed(room, SHMRING_FIELD_TIME, key, key_bytes, ((days * 86400 + seconds) * 1000000 + microseconds) * 1000);
}

static int put_content(Room* room, const char* key, size_t key_bytes, PyObject* value) {
  Py_buffer view;
  if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) != 0) {
    PyErr_Clear();
    PyObject* type = PyType_GetName(Py_TYPE(value));
    if (type != NULL)
      PyErr_Format(PyExc_TypeError, "field '%s': a value of type %U; a field is an int, bool, float, str, bytes or datetime",
                   key, type);
    Py_XDECREF(type);
    return -1;
  }
  const int result = put(room, SHMRING_FIELD_BYTES, key, key_bytes, (uint64_t)view.len, bytes_of((uint64_t)view.len), view.buf,
                         (size_t)view.len);
  PyBuffer_Release(&view);
  return result;
}

static int put_value(Room* room, const char* key, size_t key_bytes, PyObject* value) {
  if (PyUnicode_Check(value)) {
    Py_ssize_t size;
    const char* text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text == NULL) return -1;
    return put(room, SHMRING_FIELD_TEXT, key, key_bytes, (uint64_t)size, bytes_of((uint64_t)size), text, (size_t)size);
  }
  if (PyBool_Check(value)) {
    const unsigned is_true = value == Py_True;
    return put(room, SHMRING_FIELD_BOOL, key, key_bytes, is_true, is_true, NULL, 0);
  }
  if (PyLong_Check(value)) return put_integer(room, key, key_bytes, value);
  if (PyFloat_Check(value)) {
    const double number = PyFloat_AsDouble(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return put(room, SHMRING_FIELD_DOUBLE, key, key_bytes, bits, 8, NULL, 0);
  }
  if (PyObject_TypeCheck(value, (PyTypeObject*)datetime_type)) return put_time(room, key, key_bytes, value);
  return put_content(room, key, key_bytes, value);
}

int encode_fields(PyObject* dict, Room* room) {
  room->used = 0;
  if (PyDict_Size(dict) > SHMRING_MAX_FIELDS) {
    PyErr_Format(PyExc_ValueError, "%zd fields; a record has at most %d", PyDict_Size(dict), SHMRING_MAX_FIELDS);
    return -1;
  }
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value)) {
    Py_ssize_t size;
    const char* text = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &size) : NULL;
    if (text == NULL) {
      if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "key %R: a key of a field is text", key);
      return -1;
    }
    if (size < 1 || size > 255 || memchr(text, 0, (size_t)size) != NULL) {
      PyErr_Format(PyExc_ValueError, "key %R: a key of a field has 1 to 255 bytes of UTF-8, and no NUL", key);
      return -1;
    }
    Py_INCREF(key); /* a time zone is Python code, which may change the dict */
    Py_INCREF(value);
    const int result = put_value(room, text, (size_t)size, value);
    Py_DECREF(value);
    Py_DECREF(key);
    if (result != 0) return -1;
  }
  return 0;
}
