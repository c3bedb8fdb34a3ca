<?php
// A contact form: hands its message to this host's mail server, and says whether that took it.
declare(strict_types=1);

/** One step of the conversation with the mail server (RFC 5321): what is sent, and how the answer must begin. */
function step($server, string $sent, string $code): void
{
    fwrite($server, $sent);
    $answer = (string) fgets($server);
    if (!str_starts_with($answer, $code)) {
        throw new RuntimeException($answer);
    }
}

function post(string $text): void
{
    $server = @fsockopen('127.0.0.1', 25, $number, $why, 5) ?: throw new RuntimeException($why);
    stream_set_timeout($server, 5);
    step($server, '', '220');
    step($server, "HELO contact.example\r\n", '250');
    step($server, "MAIL FROM:<form@contact.example>\r\n", '250');
    step($server, "RCPT TO:<postmaster@localhost>\r\n", '250');
    step($server, "DATA\r\n", '354');
    $lines = preg_replace('/\R/', "\r\n", $text);
    $lines = preg_replace('/^\./m', '..', $lines);
    step($server, "Subject: From the contact form\r\n\r\n$lines\r\n.\r\n", '250');
    step($server, "QUIT\r\n", '221');
}

function sent(): bool
{
    try {
        post($_POST['text'] ?? '');
        return true;
    } catch (RuntimeException) {
        return false;
    }
}

$asked = $_SERVER['REQUEST_METHOD'] === 'POST';
if ($asked && !hash_equals($_COOKIE['form'] ?? '', $_POST['token'] ?? '-')) {
    http_response_code(403);
    exit('This is no form of ours.');
}
$token = bin2hex(random_bytes(16));
setcookie('form', $token, ['httponly' => true, 'samesite' => 'Strict']);
?>
<!doctype html>
<html lang="en">
<title>Write to us</title>
<?php if ($asked): ?>
<p><?= sent() ? 'Thank you: your message is on its way.' : 'We are sorry: your message could not be sent.' ?></p>
<?php endif ?>
<form method="post">
<input type="hidden" name="token" value="<?= $token ?>">
<textarea name="text"></textarea>
<button>Send</button>
</form>
</html>
