// See reach.hpp. Instructions are decoded by Capstone.
#include "tests/step/reach.hpp"

#include <capstone/capstone.h>
#include <sys/user.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace shmring::test {

namespace {

constexpr std::size_t longest_instruction = 15;

std::uintptr_t value_of(unsigned name, const user_regs_struct& registers, std::int64_t next) {
  switch (name) {
    case X86_REG_RIP: return static_cast<std::uintptr_t>(next);
    case X86_REG_RAX: return registers.rax;
    case X86_REG_RBX: return registers.rbx;
    case X86_REG_RCX: return registers.rcx;
    case X86_REG_RDX: return registers.rdx;
    case X86_REG_RSI: return registers.rsi;
    case X86_REG_RDI: return registers.rdi;
    case X86_REG_RBP: return registers.rbp;
    case X86_REG_RSP: return registers.rsp;
    case X86_REG_R8: return registers.r8;
    case X86_REG_R9: return registers.r9;
    case X86_REG_R10: return registers.r10;
    case X86_REG_R11: return registers.r11;
    case X86_REG_R12: return registers.r12;
    case X86_REG_R13: return registers.r13;
    case X86_REG_R14: return registers.r14;
    case X86_REG_R15: return registers.r15;
    default: return 0;  // none
  }
}

bool names_only_an_address(unsigned id) { return id == X86_INS_LEA || id == X86_INS_NOP; }

}  // namespace

Reach::Reach(pid_t pid, std::string file) : pid_(pid), file_(std::move(file)) {
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder_) != CS_ERR_OK) std::perror("Capstone does not open"), std::abort();
  cs_option(decoder_, CS_OPT_DETAIL, CS_OPT_ON);
  look_again();
}

Reach::~Reach() { cs_close(&decoder_); }

void Reach::look_again() {
  mapped_.clear();
  std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    if (line.ends_with(file_) && std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2) mapped_.emplace_back(begin, end);
  }
}

const std::vector<Reach::Operand>& Reach::operands(std::uintptr_t pc) {
  const auto [place, is_new] = known_.try_emplace(pc);
  if (!is_new) return place->second;
  cs_insn* decoded = nullptr;
  if (cs_disasm(decoder_, reinterpret_cast<const std::uint8_t*>(pc), longest_instruction, pc, 1, &decoded) != 1)
    return place->second;
  const cs_x86& x86 = decoded->detail->x86;
  for (int i = 0; i < x86.op_count && !names_only_an_address(decoded->id); ++i) {
    const cs_x86_op& operand = x86.operands[i];
    if (operand.type != X86_OP_MEM || operand.mem.segment == X86_REG_FS || operand.mem.segment == X86_REG_GS) continue;
    place->second.push_back({operand.mem.base, operand.mem.index, operand.mem.scale, operand.mem.disp,
                             static_cast<std::int64_t>(pc + decoded->size), operand.size, (operand.access & CS_AC_READ) != 0,
                             (operand.access & CS_AC_WRITE) != 0});
  }
  cs_free(decoded, 1);
  return place->second;
}

std::vector<Access> Reach::accesses(const user_regs_struct& registers) {
  std::vector<Access> found;
  for (const Operand& operand : operands(registers.rip)) {
    const std::uintptr_t at = value_of(operand.base, registers, operand.next) +
                              value_of(operand.index, registers, operand.next) * static_cast<std::uintptr_t>(operand.scale) +
                              static_cast<std::uintptr_t>(operand.displacement);
    for (const auto& [begin, end] : mapped_)
      if (at < end && at + operand.bytes > begin) found.push_back({at - begin, operand.bytes, operand.loads, operand.stores});
  }
  return found;
}

}  // namespace shmring::test
