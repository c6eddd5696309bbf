-- Runs `each` for what a batch holds; what fails of it, fails alone.
local function guarded(each, ...)
  local done, answer = pcall(each, ...)
  if done then return answer end
  return { 'error', type(answer) == 'table' and answer.err or tostring(answer) }
end
